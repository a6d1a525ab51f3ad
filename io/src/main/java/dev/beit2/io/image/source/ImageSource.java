package dev.beit2.io.image.source;

import static java.util.Objects.requireNonNull;

import dev.beit2.io.InvalidInputException;
import dev.beit2.io.image.DecodingLimits;
import java.io.IOException;
import java.io.Serializable;
import java.io.UncheckedIOException;
import java.util.Arrays;
import java.util.List;
import java.util.Locale;
import java.util.OptionalLong;
import javax.annotation.Nullable;

/**
 * The path and the format of a set of images.
 *
 * <pre>{@code
 * ImageSource source = ImageSource.parse("gs://bucket/train-{000000..001023}.tar", "auto");
 * PCollectionTuple read = pipeline.apply("Read images", ImageDatasetIO.read(source));
 * }</pre>
 *
 * <p>Hidden files (see {@link dev.beit2.io.InputFiles#isHidden}) are passed over. Labels are taken
 * as stored; a negative label means none.
 *
 * <p>The key of an image is its path inside the set, the same in every format. In a folder it is
 * the path below the root. In an archive a name with a folder is kept; a bare name of an ImageNet
 * training image gets its class as folder ({@code n01440764/n01440764_10026.JPEG}), and any other
 * bare name gets the name of its file ({@code train-000003/000123.jpg}).
 *
 * @param format the format
 * @param path a file, a folder, a glob or a path with braces, for Beam's FileSystems
 * @param maxImageBytes larger images are rejected without being read
 */
public record ImageSource(Format format, String path, long maxImageBytes) implements Serializable {
  /** The formats. */
  public enum Format {
    /** One file per image, one folder per class. */
    FOLDER,
    /** The archives of ILSVRC2012 as they are downloaded. */
    IMAGENET,
    /** Tars of samples: jpg, and cls or json. */
    WEBDATASET,
    /** Hugging Face's Parquet: image {bytes, path} and label. */
    PARQUET,
    /** TensorFlow's records of Examples. */
    TFRECORD;

    /** The format's name in options. */
    public String word() {
      return name().toLowerCase(Locale.ROOT);
    }
  }

  public ImageSource {
    requireNonNull(format, "format is null");
    requireNonNull(path, "path is null");
    if (maxImageBytes < 1 || maxImageBytes > Integer.MAX_VALUE - 1024) {
      throw new IllegalArgumentException("maxImageBytes is " + maxImageBytes);
    }
  }

  /**
   * What is known of a set before its images are read.
   *
   * @param classes names by label; empty where they are not known
   * @param images the number of images; empty if it would be slow to find out
   * @param unlabelled why images have no labels, or null if they have, or it is not known
   * @param note what else to tell people of the set, or null
   */
  public record Summary(
      List<String> classes,
      OptionalLong images,
      @Nullable String unlabelled,
      @Nullable String note) {
    public Summary {
      classes = List.copyOf(classes);
    }
  }

  /**
   * The source at a path.
   *
   * @param format a {@link Format#word}, or "auto" to detect it from file names
   * @throws InvalidInputException if the path does not exist, or the format cannot be detected
   */
  public static ImageSource parse(String path, String format) {
    Format known =
        Arrays.stream(Format.values())
            .filter(value -> value.word().equals(format))
            .findFirst()
            .orElseGet(() -> detect(path, format));
    return new ImageSource(known, path, DecodingLimits.DEFAULT.maxBytes());
  }

  private static Format detect(String path, String format) {
    if (!format.equals("auto")) {
      throw new InvalidInputException("the format " + format, FormatDetection.FORMATS);
    }
    return FormatDetection.detect(path);
  }

  /** The same with another limit for the encoded size of an image. */
  public ImageSource withMaxImageBytes(long bytes) {
    return new ImageSource(format, path, bytes);
  }

  /**
   * Reads names, footers and the headers of large archives, but no images.
   *
   * @throws InvalidInputException if the path does not exist, or the set has another format
   */
  public Summary summary() {
    try {
      return reader().summary();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  FormatReader reader() {
    return switch (format) {
      case FOLDER -> new FolderReader(this);
      case IMAGENET -> new ImageNetReader(this);
      case WEBDATASET -> new WebDatasetReader(this);
      case PARQUET -> new ParquetReader(this);
      case TFRECORD -> new TfRecordReader(this);
    };
  }
}
