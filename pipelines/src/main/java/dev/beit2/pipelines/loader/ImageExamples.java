package dev.beit2.pipelines.loader;

import static java.util.Objects.requireNonNull;

import dev.beit2.io.ReadAhead;
import dev.beit2.io.image.ImageRecord;
import dev.beit2.io.image.RejectedImage;
import dev.beit2.io.image.source.ImageDataset;
import java.io.IOException;
import java.util.Iterator;
import java.util.List;
import java.util.PrimitiveIterator;

/** The images of a data set as examples; each epoch has its own order. */
public final class ImageExamples implements ExampleLoader.Source<ImageRecord> {
  private final ImageDataset images;
  private final EpochCache<ImageDataset.Epoch> epochs;

  /**
   * @param seed of the orders
   */
  public ImageExamples(ImageDataset images, long seed) {
    this.images = requireNonNull(images, "images is null");
    this.epochs = new EpochCache<>(epoch -> images.epoch(seed, epoch));
  }

  @Override
  public long size() {
    return images.size();
  }

  @Override
  public ImageRecord read(long epoch, long index) throws IOException {
    return epochs.get(epoch).read(index);
  }

  /**
   * Reads the images at positions of the run before they are asked for.
   *
   * @param positions in the order in which they are needed
   */
  public ReadAhead<ImageDataset.Place, ImageRecord> readAhead(PrimitiveIterator.OfLong positions) {
    return images.readAhead(
        new Iterator<>() {
          @Override
          public boolean hasNext() {
            return positions.hasNext();
          }

          @Override
          public ImageDataset.Place next() {
            long position = positions.nextLong();
            return new ImageDataset.Place(
                epochs.get(position / images.size()), position % images.size());
          }
        });
  }

  @Override
  public String key(ImageRecord example) {
    return example.key();
  }

  @Override
  public byte[] image(ImageRecord example) {
    return example.bytes();
  }

  @Override
  public List<RejectedImage> rejected() {
    return images.rejected();
  }
}
