package dev.beit2.pipelines.eval;

import dev.beit2.io.SeededRandom;
import dev.beit2.io.shard.FeatureShards;
import dev.beit2.model.eval.FeatureBlock;
import dev.beit2.pipelines.cli.InvalidOptionException;
import java.util.ArrayList;
import java.util.List;
import java.util.function.Consumer;

/**
 * The rows of some sets, one after the other, each with a label. Reads a row group at a time.
 *
 * <p>The order of equal neighbours is that of a hash of their keys, so that it depends neither on
 * how the sets are stored nor on the names.
 */
final class FeatureSequence {
  private static final long TIE_SEED = 0;

  private final List<Part> parts = new ArrayList<>();
  private long size;

  /**
   * @param first number of the group's first row among all rows
   */
  private record Part(
      MeasuredSet set, FeatureShards shards, FeatureShards.Group group, long first) {}

  FeatureSequence(List<MeasuredSet> sets) {
    for (MeasuredSet set : sets) {
      FeatureShards shards = FeatureShards.open(set.folder());
      for (FeatureShards.Group group : shards.groups()) {
        parts.add(new Part(set, shards, group, size));
        size += group.rows();
      }
    }
  }

  /** The number of rows. */
  long size() {
    return size;
  }

  /** The number of blocks that {@link #forEach} passes. */
  int blocks() {
    return parts.size();
  }

  /** The numbers in a vector. */
  int dim(String vector) {
    return parts.get(0).shards().manifest().size(vector);
  }

  /**
   * Passes all rows with one of their vectors in their order.
   *
   * @throws InvalidOptionException if a row has no label, naming it
   */
  void forEach(String vector, Consumer<FeatureBlock> consumer) {
    for (Part part : parts) {
      consumer.accept(read(part, vector));
    }
  }

  private static FeatureBlock read(Part part, String vector) {
    FeatureShards.Rows rows = part.shards().read(part.group(), List.of(vector));
    requireLabels(part, rows);
    long[] ties = new long[rows.count()];
    for (int i = 0; i < ties.length; i++) {
      ties[i] = SeededRandom.hash(TIE_SEED, rows.keys()[i]);
    }
    return new FeatureBlock(part.first(), rows.vectors().get(vector), rows.labels(), ties);
  }

  /**
   * The labels of all rows.
   *
   * @throws InvalidOptionException if a row has none, naming it
   */
  int[] labels() {
    int[] labels = new int[Math.toIntExact(size)];
    for (Part part : parts) {
      FeatureShards.Rows rows = part.shards().read(part.group(), List.of());
      requireLabels(part, rows);
      System.arraycopy(rows.labels(), 0, labels, (int) part.first(), rows.count());
    }
    return labels;
  }

  private static void requireLabels(Part part, FeatureShards.Rows rows) {
    for (int i = 0; i < rows.count(); i++) {
      if (rows.labels()[i] == FeatureShards.NO_LABEL) {
        throw new InvalidOptionException(
            part.set().label(),
            "the image " + rows.keys()[i] + " without a label",
            "labelled images");
      }
    }
  }

  /** The rows from one to another, exclusive, as one block. */
  FeatureBlock range(String vector, long from, long to) {
    int dim = dim(vector);
    int count = Math.toIntExact(to - from);
    float[] features = new float[count * dim];
    int[] labels = new int[count];
    long[] ties = new long[count];
    for (Part part : parts) {
      int start = (int) Math.max(0, from - part.first());
      int end = (int) Math.min(part.group().rows(), to - part.first());
      if (start < end) {
        FeatureBlock rows = read(part, vector);
        int at = (int) (part.first() + start - from);
        System.arraycopy(rows.features(), start * dim, features, at * dim, (end - start) * dim);
        System.arraycopy(rows.labels(), start, labels, at, end - start);
        System.arraycopy(rows.ties(), start, ties, at, end - start);
      }
    }
    return new FeatureBlock(from, features, labels, ties);
  }
}
