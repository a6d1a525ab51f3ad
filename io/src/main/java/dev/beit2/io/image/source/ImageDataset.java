package dev.beit2.io.image.source;

import dev.beit2.io.InvalidInputException;
import dev.beit2.io.image.ImageRecord;
import dev.beit2.io.image.RejectedImage;
import java.io.IOException;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import javax.annotation.Nullable;

/**
 * A set of images for training. Each epoch has its own order, which is a pure function of (seed,
 * epoch) and of the set, and can start at any position.
 *
 * <pre>{@code
 * ImageDataset images = ImageDataset.open(source);
 * ImageDataset.Epoch epoch = images.epoch(seed, 3);
 * for (long position = start; position < images.size(); position++) {
 *   ImageRecord image = epoch.read(position);
 * }
 * }</pre>
 *
 * <p>Opening builds an index of where each image is. It reads the names in a folder, the headers in
 * a tar, the lengths in a TFRecord file, or the footer of a Parquet file. Any number of threads may
 * share a set and its epochs.
 */
public abstract class ImageDataset {
  private final List<String> classes;
  @Nullable private final String note;
  private final Set<RejectedImage> rejected = ConcurrentHashMap.newKeySet();

  ImageDataset(List<String> classes, Collection<RejectedImage> rejected, @Nullable String note) {
    this.note = note;
    this.classes = List.copyOf(classes);
    rejected.forEach(this::reject);
  }

  /** The images in the order of one epoch. */
  public interface Epoch {
    /**
     * The image at a position. If an image is not what the index says, its bytes are empty and
     * {@link ImageDataset#rejected} gives the reason.
     *
     * @param position in [0, {@link ImageDataset#size}); ascending order is fastest for Parquet,
     *     which is read in windows of about 128 MB
     * @throws IOException if it cannot be read
     */
    ImageRecord read(long position) throws IOException;
  }

  /**
   * Builds the index of a set.
   *
   * @throws InvalidInputException if there is no image, the set has another format, or the format
   *     has no random access
   * @throws IOException if it cannot be read
   */
  public static ImageDataset open(ImageSource source) throws IOException {
    ImageDataset images =
        switch (source.format()) {
          case FOLDER -> FolderDataset.of(source);
          case PARQUET -> ParquetDataset.of(source);
          default -> IndexedDataset.of(source);
        };
    if (images.size() == 0) {
      List<RejectedImage> rejected = images.rejected();
      String why =
          rejected.isEmpty() ? "" : ": " + rejected.get(0).key() + " " + rejected.get(0).reason();
      throw new InvalidInputException("no image in " + source.path() + why, "at least one");
    }
    return images;
  }

  /** The number of images, which is the length of an epoch. */
  public abstract long size();

  /** All images in the order of an epoch. */
  public abstract Epoch epoch(long seed, long epoch);

  /** The classes' names by label; empty where they are not known. */
  public List<String> classes() {
    return classes;
  }

  /** What to tell people of the set, or null. */
  @Nullable
  public String note() {
    return note;
  }

  /**
   * The unusable images and archives found so far, by key: archives that break off, images over the
   * limit, files that may not be read.
   */
  public List<RejectedImage> rejected() {
    return rejected.stream()
        .sorted(Comparator.comparing(RejectedImage::key).thenComparing(RejectedImage::reason))
        .toList();
  }

  final void reject(RejectedImage image) {
    rejected.add(image);
  }

  /** Replaces a missing image, so that the set keeps its size. */
  final ImageRecord rejectedRecord(RejectedImage image) {
    reject(image);
    return new ImageRecord(image.key(), null, new byte[0]);
  }
}
