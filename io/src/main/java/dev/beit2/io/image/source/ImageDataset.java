package dev.beit2.io.image.source;

import dev.beit2.io.InvalidInputException;
import dev.beit2.io.ReadAhead;
import dev.beit2.io.image.ImageRecord;
import dev.beit2.io.image.RejectedImage;
import dev.beit2.io.image.source.ImageSource.Format;
import dev.beit2.io.store.StoredFile;
import java.io.Closeable;
import java.io.IOException;
import java.io.InputStream;
import java.nio.channels.Channels;
import java.nio.channels.ReadableByteChannel;
import java.nio.channels.WritableByteChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardCopyOption;
import java.nio.file.StandardOpenOption;
import java.util.Collection;
import java.util.Comparator;
import java.util.Iterator;
import java.util.List;
import java.util.Optional;
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
 * <p>Opening builds an index of where each image is, in a temporary file. It reads the names in a
 * folder, the headers in a tar, the lengths in a TFRecord file, or the footer of a Parquet file.
 * Memory does not grow with the set, except for the order of an epoch: 4 bytes per image up to two
 * million images, nothing for larger sets. Any number of threads may share a set and its epochs.
 */
public abstract class ImageDataset implements Closeable {
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

    /** The stored length of the image at a position; 0 where it is not known. */
    long bytes(long position);
  }

  /** Where to read images: at positions of an epoch. */
  public record Place(Epoch epoch, long position) {}

  /** Reads images in the order of the places, and the next ones before they are asked for. */
  public final ReadAhead<Place, ImageRecord> readAhead(Iterator<Place> places) {
    return new ReadAhead<>(
        places,
        mostAtOnce(),
        place -> place.epoch().bytes(place.position()),
        ImageFile.MOST_BYTES_AT_ONCE,
        place -> place.epoch().read(place.position()));
  }

  /** How many images may be read at once. */
  abstract int mostAtOnce();

  /**
   * Builds the index of a set.
   *
   * @throws InvalidInputException if there is no image, the set has another format, or the format
   *     has no random access
   * @throws IOException if it cannot be read
   */
  public static ImageDataset open(ImageSource source) throws IOException {
    if (source.format() == Format.PARQUET) {
      return withImages(source, ParquetDataset.of(source));
    }
    Path index = Files.createTempFile("beit2-images-", ".idx");
    try (WritableByteChannel out = Files.newByteChannel(index, StandardOpenOption.WRITE)) {
      IndexedDataset.writeIndex(source, out);
    } catch (IOException | RuntimeException e) {
      Files.delete(index);
      throw e;
    }
    return withImages(source, new IndexedDataset(source, ImageIndex.openTemporary(index)));
  }

  /** Opens a set whose index was written, without listing it. */
  public static ImageDataset open(ImageSource source, StoredFile index) throws IOException {
    if (source.format() == Format.PARQUET) {
      return open(source);
    }
    Optional<Path> local = index.localPath();
    if (local.isPresent()) {
      return withImages(source, new IndexedDataset(source, ImageIndex.open(local.get())));
    }
    Path copy = Files.createTempFile("beit2-images-", ".idx");
    try (ReadableByteChannel in = index.open();
        InputStream bytes = Channels.newInputStream(in)) {
      Files.copy(bytes, copy, StandardCopyOption.REPLACE_EXISTING);
    } catch (IOException | RuntimeException e) {
      Files.delete(copy);
      throw e;
    }
    return withImages(source, new IndexedDataset(source, ImageIndex.openTemporary(copy)));
  }

  private static ImageDataset withImages(ImageSource source, ImageDataset images)
      throws IOException {
    if (images.size() == 0) {
      List<RejectedImage> rejected = images.rejected();
      images.close();
      String why =
          rejected.isEmpty() ? "" : ": " + rejected.get(0).key() + " " + rejected.get(0).reason();
      throw new InvalidInputException("no image in " + source.path() + why, "at least one");
    }
    return images;
  }

  /**
   * Writes what {@link #open(ImageSource, StoredFile)} reads, so that other processes need not list
   * the set. Nothing where a set has no index: of Parquet the footers tell where the images are.
   */
  public void writeIndex(StoredFile file) throws IOException {}

  /** Closes the index. */
  @Override
  public void close() throws IOException {}

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
