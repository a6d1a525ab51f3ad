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
 * Where a set of images is, and in what format.
 *
 * <pre>{@code
 * ImageSource source = ImageSource.parse("gs://bucket/train-{000000..001023}.tar", "auto");
 * PCollectionTuple read = pipeline.apply("Read images", ImageDatasetIO.read(source));
 * }</pre>
 *
 * <p>What is in an archive and not named as an image (jpg, jpeg, png, webp) is left out; labels are
 * taken as stored, and negative ones stand for none.
 *
 * <p>Keys of images are paths inside the set and the same in every format: an image of a folder has
 * its path below the root; one of an archive keeps a name that has a folder; a bare name of
 * ImageNet's training images gets its class ({@code n01440764/n01440764_10026.JPEG}), any other
 * bare name that of its file ({@code train-000003/000123.jpg}).
 *
 * @param format the format
 * @param path of a file or folder, or a glob or braces, for Beam's FileSystems
 * @param maxImageBytes larger images are rejected without being read
 */
public record ImageSource(Format format, String path, long maxImageBytes) implements Serializable {
  /** The formats. */
  public enum Format {
    /** A file an image, in a folder a class. */
    FOLDER,
    /** ILSVRC2012's archives as they are downloaded. */
    IMAGENET,
    /** Tars of samples, jpg and cls or json. */
    WEBDATASET,
    /** Hugging Face's Parquet: image {bytes, path} and label. */
    PARQUET,
    /** TensorFlow's records of Examples. */
    TFRECORD;

    /** As options name it. */
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
   * @param images how many, where that is cheap to know
   * @param unlabelled why images have no labels, or null if they have, or it is not known
   */
  public record Summary(List<String> classes, OptionalLong images, @Nullable String unlabelled) {
    public Summary {
      classes = List.copyOf(classes);
    }
  }

  /**
   * The source at a path.
   *
   * @param format a {@link Format#word}, or "auto" to tell it by names
   * @throws InvalidInputException if there is nothing, or the format cannot be told
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
   * Looks at names, footers and the headers of large archives, not at images.
   *
   * @throws InvalidInputException if nothing is there, or it is not of this format
   */
  public Summary summary() {
    try {
      FormatReader.Listing listing = reader().list();
      return new Summary(listing.classes(), listing.images(), listing.unlabelled());
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
