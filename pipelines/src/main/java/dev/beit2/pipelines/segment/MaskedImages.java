package dev.beit2.pipelines.segment;

import dev.beit2.io.image.DecodingLimits;
import dev.beit2.io.image.EncodedImage;
import dev.beit2.io.image.LabelMask;
import dev.beit2.io.image.UndecodableImageException;
import dev.beit2.io.image.source.ImageDataset;
import dev.beit2.io.image.source.ImageSource;
import dev.beit2.io.store.StoredFile;
import dev.beit2.pipelines.cli.InvalidOptionException;
import dev.beit2.pipelines.flink.FlinkTarget;
import dev.beit2.pipelines.jvm.SharedInJvm;
import dev.beit2.pipelines.options.DecodingOptions;
import dev.beit2.pipelines.options.Inputs;
import java.io.IOException;
import java.io.Serializable;
import java.io.UncheckedIOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.NoSuchFileException;
import java.util.List;

/**
 * One part of a set in ADE20K's layout.
 *
 * @param images the folder {@code images/PART}
 * @param masks path of the folder {@code annotations/PART}
 * @param reduceZeroLabel whether value 0 means no class, and 1 the first one
 * @param classes that masks may have
 */
record MaskedImages(ImageSource images, String masks, boolean reduceZeroLabel, int classes)
    implements Serializable {
  private static final long serialVersionUID = 1L;

  static final String TRAINING = "training";
  private static final String OPTION = "--input";

  /**
   * Locates a part.
   *
   * @throws InvalidOptionException if there is none
   */
  static MaskedImages part(TrainSegmenter.Options options, String part) {
    String root = StoredFile.withoutLastSlash(FlinkTarget.of(options).path(options.getInput()));
    String folder = root + "/images/" + part;
    ImageSource images =
        Inputs.named(OPTION, folder, () -> ImageSource.parse(folder, "folder"))
            .withMaxImageBytes(DecodingOptions.limits(options).maxBytes());
    return new MaskedImages(
        images,
        root + "/annotations/" + part,
        options.getReduceZeroLabel(),
        classes(options, root));
  }

  private static int classes(TrainSegmenter.Options options, String root) {
    try {
      List<String> names = names(root);
      if (options.getClasses() == null && names.isEmpty()) {
        throw new InvalidOptionException(
            OPTION + "=" + options.getInput(),
            "no names of classes (objectInfo150.txt or classes.txt)",
            "--classes, how many there are");
      }
      if (options.getClasses() != null && options.getClasses() < names.size()) {
        throw new InvalidOptionException(
            "--classes=" + options.getClasses(),
            names.size() + " names of classes in " + root,
            "at least as many");
      }
      return options.getClasses() != null ? options.getClasses() : names.size();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  /** The names of the classes; empty if they are not known. */
  static List<String> names(String root) throws IOException {
    StoredFile ade = StoredFile.in(root, "objectInfo150.txt");
    if (ade.exists()) {
      return ade.readText()
          .lines()
          .skip(1)
          .filter(line -> !line.isBlank())
          .map(line -> line.substring(line.lastIndexOf('\t') + 1).strip())
          .toList();
    }
    StoredFile plain = StoredFile.in(root, "classes.txt");
    return plain.exists()
        ? plain.readText().lines().filter(line -> !line.isBlank()).map(String::strip).toList()
        : List.of();
  }

  /**
   * Checks that there are images.
   *
   * @throws InvalidOptionException if not
   */
  void requireImages() {
    Inputs.summary(OPTION, images);
  }

  /** The images, indexed once per JVM. */
  SharedInJvm<ImageDataset> open() throws IOException {
    return SharedInJvm.acquire(ImageDataset.class, images, () -> Inputs.dataset(OPTION, images));
  }

  /**
   * Reads the mask of an image.
   *
   * @param key of the image
   * @throws UndecodableImageException if there is none, or it does not fit
   */
  LabelMask mask(String key, EncodedImage image, DecodingLimits limits)
      throws UndecodableImageException {
    LabelMask mask = LabelMask.decode(bytes(key, limits), limits);
    if (mask.width() != image.width() || mask.height() != image.height()) {
      throw new UndecodableImageException(
          "a mask of %dx%d of an image of %dx%d"
              .formatted(mask.width(), mask.height(), image.width(), image.height()));
    }
    LabelMask labels = reduceZeroLabel ? mask.withoutZero() : mask;
    labels.requireClasses(classes);
    return labels;
  }

  private byte[] bytes(String key, DecodingLimits limits) throws UndecodableImageException {
    String name = key.substring(0, key.lastIndexOf('.')) + ".png";
    try {
      byte[] bytes = StoredFile.in(masks, name).readBytes(limits.maxBytes());
      if (bytes == null) {
        throw new UndecodableImageException("a mask over the limit of " + limits.maxBytes());
      }
      return bytes;
    } catch (NoSuchFileException e) {
      throw new UndecodableImageException("no mask " + name, e);
    } catch (AccessDeniedException e) {
      throw new UndecodableImageException("a mask that may not be read", e);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }
}
