package dev.beit2.io.image;

import com.fasterxml.jackson.annotation.JsonCreator;
import com.fasterxml.jackson.annotation.JsonValue;
import java.io.Serializable;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The values of a grey image of 16 bits that become 0 to 255. Values outside become 0 or 255.
 *
 * @param min becomes 0; at least 0
 * @param max becomes 255; more than {@code min}, at most {@link #LARGEST}
 */
public record GreyRange(int min, int max) implements Serializable {
  private static final long serialVersionUID = 1L;

  /** The largest value of 16 bits. */
  public static final int LARGEST = 0xFFFF;

  /** From the smallest to the largest value of each image. */
  public static final GreyRange MINMAX = new GreyRange(0, 0);

  private static final String MINMAX_WORD = "minmax";
  private static final Pattern VALUES = Pattern.compile("(\\d{1,9}),(\\d{1,9})");

  public GreyRange {
    boolean minmax = min == 0 && max == 0;
    if (!minmax && (min < 0 || min >= max || max > LARGEST)) {
      throw new IllegalArgumentException(
          "%d,%d is not a range of values from 0 to %d".formatted(min, max, LARGEST));
    }
  }

  /**
   * Reads {@code MIN,MAX} or {@code minmax}, as {@link #toString} writes it.
   *
   * @throws IllegalArgumentException if the text is neither
   */
  @JsonCreator
  public static GreyRange parse(String text) {
    Matcher values = VALUES.matcher(text);
    if (text.equals(MINMAX_WORD)) {
      return MINMAX;
    } else if (!values.matches() || values.group(2).matches("0+")) { // 0,0 is no way to say minmax
      throw new IllegalArgumentException(text + " is neither MIN,MAX nor " + MINMAX_WORD);
    }
    return new GreyRange(Integer.parseInt(values.group(1)), Integer.parseInt(values.group(2)));
  }

  @JsonValue
  @Override
  public String toString() {
    return equals(MINMAX) ? MINMAX_WORD : min + "," + max;
  }
}
