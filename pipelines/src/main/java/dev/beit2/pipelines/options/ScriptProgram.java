package dev.beit2.pipelines.options;

import dev.beit2.io.store.StoredFile;
import dev.beit2.model.checkpoint.WeightsFile;
import dev.beit2.model.torch.Normalization;
import dev.beit2.pipelines.cli.InvalidOptionException;
import java.io.IOException;
import java.nio.channels.SeekableByteChannel;
import javax.annotation.Nullable;

/**
 * A TorchScript program that an option names, and what it says of itself: texts that were saved
 * with it ({@code _extra_files}). Other options, if given, take their place.
 *
 * @param option such as {@code --teacher}; {@code --teacherMean} and others belong to it
 * @param file the program
 */
public record ScriptProgram(String option, StoredFile file) {
  public static final String KIND = "torchscript";

  private static final int MOST_PIXELS = 4096;

  /**
   * What the program expects of images.
   *
   * @param mean value of {@code --teacherMean} or its like
   * @param std value of {@code --teacherStd}
   * @param size value of {@code --teacherSize}
   * @throws InvalidOptionException if something is not known, or is not such a value
   */
  public Normalization input(@Nullable String mean, @Nullable String std, @Nullable Integer size)
      throws IOException {
    int pixels = number("size", size, MOST_PIXELS);
    return new Normalization(colours("mean", mean), colours("std", std), pixels);
  }

  /**
   * A number from 1 on.
   *
   * @param name of the extra file, such as {@code size}
   * @param given value of the option that takes its place
   * @throws InvalidOptionException if it is not known, or not in [1, most]
   */
  public int number(String name, @Nullable Integer given, int most) throws IOException {
    if (given != null) {
      return given;
    }
    String text = extra(name).strip();
    if (!text.matches("[1-9]\\d{0,8}") || Integer.parseInt(text) > most) {
      throw new InvalidOptionException(
          given(), "an extra file %s of %s".formatted(name, text), "a number from 1 to " + most);
    }
    return Integer.parseInt(text);
  }

  private float[] colours(String name, @Nullable String given) throws IOException {
    String text = given != null ? given : extra(name);
    String[] parts = text.strip().split("\\s*,\\s*", -1);
    float[] colours = new float[3];
    try {
      for (int i = 0; i < colours.length; i++) {
        colours[i] = Float.parseFloat(parts[i]);
        if (!Float.isFinite(colours[i]) || (name.equals("std") && colours[i] <= 0)) {
          throw new NumberFormatException();
        }
      }
      if (parts.length == colours.length) {
        return colours;
      }
    } catch (NumberFormatException | ArrayIndexOutOfBoundsException e) {
      // Refused below.
    }
    throw new InvalidOptionException(
        other(name) + "=" + text,
        text,
        "numbers for red, green and blue, such as 0.485,0.456,0.406");
  }

  private String extra(String name) throws IOException {
    try (SeekableByteChannel in = file.openSeekable()) {
      return WeightsFile.extra(in, name)
          .orElseThrow(
              () ->
                  new InvalidOptionException(
                      given(), "no extra file " + name + " in it", "one, or " + other(name)));
    } catch (IOException e) {
      throw new InvalidOptionException(given(), e.getMessage(), "a TorchScript program");
    }
  }

  /** The option that takes the place of an extra file. */
  private String other(String name) {
    return option + Character.toUpperCase(name.charAt(0)) + name.substring(1);
  }

  private String given() {
    return option + "=" + KIND + ":" + file.path();
  }
}
