package dev.beit2.pipelines.loader;

import static java.util.Objects.requireNonNull;

import dev.beit2.io.InvalidInputException;
import dev.beit2.io.image.DecodingLimits;
import dev.beit2.io.image.EncodedImage;
import dev.beit2.io.image.RejectedImage;
import dev.beit2.io.image.RgbImage;
import dev.beit2.io.image.UndecodableImageException;
import java.io.IOException;
import java.util.Collection;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicLong;
import java.util.concurrent.atomic.LongAdder;
import javax.annotation.Nullable;

/**
 * Loads the examples of a training run by position. An image that is missing or cannot be decoded
 * is replaced by the next one in the epoch that can be, so the example at a position depends only
 * on the data, not on timing. Thread-safe.
 *
 * @param <ExampleT> an example as it is stored
 */
public final class ExampleLoader<ExampleT> {

  /** The examples in the order of each epoch; thread-safe. */
  public interface Source<ExampleT> {
    /** Examples per epoch. */
    long size();

    /**
     * Reads an example; null if it cannot be read.
     *
     * @param epoch from 0
     * @param index of the example in that epoch, 0 to size − 1
     */
    @Nullable
    ExampleT read(long epoch, long index) throws IOException;

    String key(ExampleT example);

    /** The encoded image of an example. */
    byte[] image(ExampleT example);

    /** What could not be read so far; it knows the reason better than the decoder does. */
    default List<RejectedImage> rejected() {
      return List.of();
    }
  }

  /** Renders the pixels of an example from its image. */
  public interface Renderer<ExampleT> {
    RgbImage render(ExampleT example, EncodedImage image) throws UndecodableImageException;
  }

  /** The example at a position, or its replacement, and the pixels. */
  public record Rendered<ExampleT>(ExampleT example, RgbImage pixels) {}

  private static final long NONE = -1;

  private final Source<ExampleT> source;
  private final DecodingLimits limits;
  private final Map<String, RejectedImage> rejected = new ConcurrentHashMap<>();
  private final LongAdder faint = new LongAdder();
  private final AtomicLong faintEpoch = new AtomicLong(NONE); // the first that had one

  /**
   * @param limits of what is decoded
   */
  public ExampleLoader(Source<ExampleT> source, DecodingLimits limits) {
    this.source = requireNonNull(source, "source is null");
    this.limits = requireNonNull(limits, "limits is null");
  }

  /** The epoch of a position of the run, from 0. */
  public long epoch(long position) {
    return position / source.size();
  }

  /**
   * Reads the example at a position of the run, or its replacement, as it is stored.
   *
   * @throws InvalidInputException if none of the data set can be read
   */
  public ExampleT read(long position) throws IOException {
    long size = source.size();
    for (long tried = 0; tried < size; tried++) {
      ExampleT example = source.read(epoch(position), (position + tried) % size);
      if (example != null) {
        return example;
      }
    }
    throw new InvalidInputException(
        size + " images of which none can be read", "at least one that can");
  }

  /**
   * Renders the example at a position, or its replacement.
   *
   * @param example what {@link #read} has returned for the position
   * @throws InvalidInputException if none of the data set can be decoded
   */
  public Rendered<ExampleT> render(long position, ExampleT example, Renderer<ExampleT> renderer)
      throws IOException {
    long size = source.size();
    long epoch = epoch(position);
    ExampleT candidate = example;
    for (long tried = 1; tried <= size; tried++) {
      if (candidate != null && !rejected.containsKey(source.key(candidate))) {
        try {
          EncodedImage image = EncodedImage.open(source.image(candidate), limits);
          RgbImage pixels = renderer.render(candidate, image);
          if (image.isFaint()) {
            faintEpoch.compareAndSet(NONE, epoch);
            if (epoch == faintEpoch.get()) { // each image once
              faint.increment();
            }
          }
          return new Rendered<>(candidate, pixels);
        } catch (UndecodableImageException e) {
          String key = source.key(candidate);
          rejected.put(key, new RejectedImage(key, e.getMessage()));
        }
      }
      candidate = source.read(epoch, (position + tried) % size);
    }
    throw new InvalidInputException(
        size + " images of which none can be read and decoded", "at least one that can");
  }

  /**
   * How many images are faint so far, in the first epoch that had one; see {@link
   * EncodedImage#isFaint}.
   */
  public long faint() {
    return faint.sum();
  }

  /** Adds images that an earlier start of the run has rejected; this one may not meet them. */
  public void addRejected(Collection<RejectedImage> images) {
    images.forEach(image -> rejected.put(image.key(), image));
  }

  /** The images that could not be read or decoded so far, sorted by key. */
  public List<RejectedImage> rejected() {
    Map<String, RejectedImage> all = new TreeMap<>(rejected);
    source.rejected().forEach(image -> all.put(image.key(), image));
    return List.copyOf(all.values());
  }
}
