package dev.beit2.io.image.source;

import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.annotation.Nullable;

/**
 * The key of an image: its path inside the set, the same in whatever format the set comes.
 *
 * <ul>
 *   <li>A name with a folder is kept, without {@code ./} or {@code /} before it.
 *   <li>A bare name of ImageNet's training images gets its class as folder, {@code
 *       n01440764/n01440764_10026.JPEG}; one of the validation images stays, {@code
 *       ILSVRC2012_val_00000001.JPEG}. The suffix that Hugging Face adds to such names is dropped,
 *       and their extension is the original one.
 *   <li>Any other bare name gets the name of its file, {@code train-000003/000123.jpg}.
 *   <li>An image without a name is named after its position in the file, {@code
 *       train-000003/000123}.
 * </ul>
 *
 * <p>Where names repeat from file to file, as {@code images/00000.jpg} in each tar, the name of the
 * file comes first; where they repeat in a file, the position, too. See {@link FileKeys}.
 */
final class ImageKey {
  private static final Pattern TRAIN = Pattern.compile("((n\\d{8})_\\d+)(?:_n\\d{8})?(\\.\\w+)?");
  private static final Pattern VALIDATION =
      Pattern.compile("(ILSVRC2012_val_\\d{8})(?:_n\\d{8})?(\\.\\w+)?");
  private static final Pattern JPEG = Pattern.compile("(?i)\\.jpe?g");
  private static final Pattern BEFORE = Pattern.compile("^(\\.?/)+");
  private static final Pattern ENDINGS =
      Pattern.compile("(\\.(tar|parquet|tfrecords?|tfrec|gz|gzip))+$");

  private ImageKey() {}

  /**
   * @param name of the image, or null
   * @param file the name of its file, see {@link #stem}
   * @param position of the image in its file, from 0
   */
  static String of(@Nullable String name, String file, long position) {
    String plain = name == null ? "" : BEFORE.matcher(name.strip()).replaceFirst("");
    if (plain.isEmpty()) {
      return byPosition(file, position);
    }
    if (plain.indexOf('/') >= 0) {
      return plain;
    }
    Matcher train = TRAIN.matcher(plain);
    if (train.matches()) {
      return train.group(2) + "/" + train.group(1) + ending(train.group(3));
    }
    Matcher validation = VALIDATION.matcher(plain);
    if (validation.matches()) {
      return validation.group(1) + ending(validation.group(2));
    }
    return stem(file) + "/" + plain;
  }

  /** The key of an image in one of several files that have images of the same names. */
  static String inFile(@Nullable String name, String file, long position) {
    String key = of(name, file, position);
    return key.startsWith(stem(file) + "/") ? key : stem(file) + "/" + key;
  }

  /** The key of an image in a file that has several images of the same name. */
  static String atPosition(@Nullable String name, String file, long position) {
    String plain = name == null ? "" : BEFORE.matcher(name.strip()).replaceFirst("");
    return byPosition(file, position) + (plain.isEmpty() ? "" : "/" + plain);
  }

  /** The key of an image without a name. */
  static String byPosition(String file, long position) {
    return String.format(Locale.ROOT, "%s/%06d", stem(file), position);
  }

  private static String ending(@Nullable String given) {
    return given == null ? "" : JPEG.matcher(given).replaceFirst(".JPEG");
  }

  /** A file's name without the extension of its format. */
  static String stem(String file) {
    return ENDINGS.matcher(file).replaceFirst("");
  }
}
