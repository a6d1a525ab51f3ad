package dev.beit2.io.image.source;

import dev.beit2.io.SeededRandom;
import dev.beit2.io.image.ImageRecord;
import dev.beit2.io.image.RejectedImage;
import java.io.IOException;
import java.util.Collection;
import java.util.List;
import javax.annotation.Nullable;

/** A set whose images can each be read on their own, so any order is equally fast. */
abstract class RandomAccessDataset extends ImageDataset {
  RandomAccessDataset(
      List<String> classes, Collection<RejectedImage> rejected, @Nullable String note) {
    super(classes, rejected, note);
  }

  /**
   * @param index in [0, size), in the order of the set
   */
  abstract ImageRecord read(long index) throws IOException;

  @Override
  public final Epoch epoch(long seed, long epoch) {
    int[] order = SeededRandom.of(seed, "epoch", epoch).permutation(Math.toIntExact(size()));
    return position -> read(order[Math.toIntExact(position)]);
  }
}
