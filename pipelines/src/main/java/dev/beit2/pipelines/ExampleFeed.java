package dev.beit2.pipelines;

import static java.util.Objects.requireNonNull;

import dev.beit2.io.InvalidInputException;
import dev.beit2.io.image.ImageDecoder;
import dev.beit2.io.image.RejectedImage;
import dev.beit2.io.image.RgbImage;
import dev.beit2.io.image.UndecodableImageException;
import java.io.IOException;
import java.util.Collection;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;

/**
 * The decoded examples of a training run by position. In place of an image that cannot be decoded
 * comes the next one of the epoch that can, so that what is at a position depends on the data
 * alone, not on when who looked. Thread-safe.
 *
 * @param <ExampleT> an example as it is stored
 */
final class ExampleFeed<ExampleT> {

  /** The examples in each epoch's order; thread-safe. */
  interface Source<ExampleT> {
    /** Examples an epoch. */
    long size();

    /**
     * An example.
     *
     * @param epoch from 0
     * @param index of the example in that epoch, 0 to size − 1
     */
    ExampleT read(long epoch, long index) throws IOException;

    String key(ExampleT example);

    /** The encoded image of an example. */
    byte[] image(ExampleT example);
  }

  /**
   * An example, decoded.
   *
   * @param epoch of the position it was asked for, from 0
   */
  record Decoded<ExampleT>(ExampleT example, long epoch, RgbImage image) {}

  private final Source<ExampleT> source;
  private final Map<String, RejectedImage> rejected = new ConcurrentHashMap<>();

  ExampleFeed(Source<ExampleT> source) {
    this.source = requireNonNull(source, "source is null");
  }

  /** The example at a position of the run, as it is stored. */
  ExampleT read(long position) throws IOException {
    return source.read(position / source.size(), position % source.size());
  }

  /**
   * Decodes the example at a position, or the one that comes in its place.
   *
   * @param example what {@link #read} gave for the position
   * @throws InvalidInputException if no image of the whole set can be decoded
   */
  Decoded<ExampleT> decode(long position, ExampleT example) throws IOException {
    long size = source.size();
    long epoch = position / size;
    ExampleT candidate = example;
    for (long tried = 1; tried <= size; tried++) {
      String key = source.key(candidate);
      if (!rejected.containsKey(key)) {
        try {
          RgbImage image = ImageDecoder.decode(source.image(candidate));
          return new Decoded<>(candidate, epoch, image);
        } catch (UndecodableImageException e) {
          rejected.put(key, new RejectedImage(key, e.getMessage()));
        }
      }
      candidate = source.read(epoch, (position + tried) % size);
    }
    throw new InvalidInputException(
        size + " images of which none can be decoded", "at least one that can");
  }

  /**
   * Takes over what an earlier start of the run found, some of which this one may not come upon.
   */
  void alreadyRejected(Collection<RejectedImage> images) {
    images.forEach(image -> rejected.put(image.key(), image));
  }

  /** What was found undecodable so far, by key. */
  List<RejectedImage> rejected() {
    return rejected.values().stream().sorted(Comparator.comparing(RejectedImage::key)).toList();
  }
}
