package dev.beit2.pipelines.eval;

import dev.beit2.io.SeededRandom;
import dev.beit2.io.shard.FeatureShards;
import dev.beit2.model.eval.LinearProbe;
import dev.beit2.model.eval.LinearProbe.Head;
import dev.beit2.pipelines.cli.InvalidOptionException;
import java.io.IOException;
import java.nio.channels.ReadableByteChannel;
import java.time.Duration;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.function.IntConsumer;
import java.util.stream.IntStream;

/**
 * The training of all heads with one seed. Holds a row group and a batch in memory. The order of an
 * epoch is a function of seed and epoch: row groups in random order, and in each its rows. Rows are
 * in random order in the files already.
 *
 * <p>Now and then it writes its heads, from which it goes on if it is killed.
 */
final class ProbeTraining implements AutoCloseable {
  /** One of so many training images is held out. */
  private static final int PARTS = 10;

  private static final int SCORED = 256;
  private static final int TOP = 5;
  private static final Duration BETWEEN_FILES = Duration.ofMinutes(2);

  private final ProbeSpec spec;
  private final long seed;
  private final FeatureShards train;
  private final FeatureShards validation;
  private final LinearProbe probe;
  private final List<Head> heads;

  ProbeTraining(ProbeSpec spec, long seed) {
    this.spec = spec;
    this.seed = seed;
    this.train = FeatureShards.open(spec.train().folder());
    this.validation = FeatureShards.open(spec.validation().folder());
    this.heads = spec.heads();
    this.probe =
        new LinearProbe(
            spec.vectors().stream().map(train.manifest()::size).toList(),
            spec.labels().size(),
            spec.config(),
            seed);
  }

  /** Some rows: of each vector [n · D], labels as classes, and whether they are held out. */
  private final class Batch {
    private final List<float[]> features = new ArrayList<>();
    private final int[] labels;
    private final boolean[] heldOut;
    private int size;

    Batch(int capacity) {
      for (String vector : spec.vectors()) {
        features.add(new float[capacity * train.manifest().size(vector)]);
      }
      labels = new int[capacity];
      heldOut = new boolean[capacity];
    }

    void add(FeatureShards.Rows rows, int row) {
      for (int v = 0; v < features.size(); v++) {
        String vector = spec.vectors().get(v);
        int dim = train.manifest().size(vector);
        System.arraycopy(rows.vectors().get(vector), row * dim, features.get(v), size * dim, dim);
      }
      labels[size] = Collections.binarySearch(spec.labels(), rows.labels()[row]);
      heldOut[size] = isHeldOut(rows.keys()[row]);
      size++;
    }

    boolean isFull() {
      return size == labels.length;
    }

    List<float[]> features() {
      List<float[]> used = new ArrayList<>();
      for (float[] vector : features) {
        used.add(isFull() ? vector : Arrays.copyOf(vector, vector.length / labels.length * size));
      }
      return used;
    }

    int[] labels() {
      return Arrays.copyOf(labels, size);
    }
  }

  private boolean isHeldOut(String key) {
    return Long.remainderUnsigned(SeededRandom.hash(seed, "held out " + key), PARTS) == 0;
  }

  /**
   * Trains all epochs that are not done, and measures.
   *
   * @param epochDone receives the images of each epoch
   */
  SeedResult run(IntConsumer epochDone) throws IOException {
    int done = continued();
    for (int epoch = 0; epoch < done; epoch++) {
      epochDone.accept(0);
    }
    long written = System.nanoTime();
    for (int epoch = done; epoch < spec.config().epochs(); epoch++) {
      trainEpoch(epoch);
      epochDone.accept((int) Math.min(Integer.MAX_VALUE, train.manifest().rows()));
      if (System.nanoTime() - written > BETWEEN_FILES.toNanos()) {
        int epochs = epoch + 1;
        spec.heads(seed).write(to -> probe.write(to, epochs));
        written = System.nanoTime();
      }
    }
    return measured();
  }

  /** The epochs of an earlier start that was killed. */
  private int continued() throws IOException {
    if (!spec.heads(seed).exists()) {
      return 0;
    }
    try (ReadableByteChannel from = spec.heads(seed).open()) {
      return probe.read(from);
    }
  }

  private void trainEpoch(int epoch) {
    List<FeatureShards.Group> groups = train.groups();
    Batch batch = new Batch(spec.config().batchSize());
    int[] order = SeededRandom.of(seed, "row groups", epoch).permutation(groups.size());
    for (int g : order) {
      FeatureShards.Rows rows = train.read(groups.get(g), spec.vectors());
      for (int row : SeededRandom.of(seed, "rows", epoch, g).permutation(rows.count())) {
        batch.add(rows, row);
        if (batch.isFull()) {
          probe.step(batch.features(), batch.labels(), batch.heldOut, epoch);
          batch.size = 0;
        }
      }
    }
    if (batch.size > 0) {
      probe.step(batch.features(), batch.labels(), Arrays.copyOf(batch.heldOut, batch.size), epoch);
    }
  }

  /** Receives the scores of some rows. */
  private interface Scored {
    void rows(LinearProbe.Scores scores, int[] labels);
  }

  private void score(FeatureShards shards, boolean onlyHeldOut, Scored scored) {
    Batch batch = new Batch(SCORED);
    for (FeatureShards.Group group : shards.groups()) {
      FeatureShards.Rows rows = shards.read(group, spec.vectors());
      for (int row = 0; row < rows.count(); row++) {
        if (!onlyHeldOut || isHeldOut(rows.keys()[row])) {
          batch.add(rows, row);
        }
        if (batch.isFull()) {
          scored.rows(probe.scores(batch.features(), batch.labels()), batch.labels());
          batch.size = 0;
        }
      }
    }
    if (batch.size > 0) {
      scored.rows(probe.scores(batch.features(), batch.labels()), batch.labels());
    }
  }

  private SeedResult measured() {
    double[] right = new double[heads.size()];
    double[] loss = new double[heads.size()];
    int[] images = {0};
    score(
        train,
        true,
        (scores, labels) -> {
          images[0] += labels.length;
          for (int i = 0; i < labels.length; i++) {
            for (int h = 0; h < heads.size(); h++) {
              right[h] += scores.ranks()[i][h] == 0 ? 1 : 0;
              loss[h] += scores.losses()[i][h];
            }
          }
        });
    if (images[0] == 0) {
      throw new InvalidOptionException(
          spec.train().label(),
          "%d images of which none is held out".formatted(train.manifest().rows()),
          "more, to choose among the heads");
    }
    Map<String, Integer> chosen = new LinkedHashMap<>();
    int best = -1;
    for (int h = 0; h < heads.size(); h++) {
      if (!heads.get(h).all()) {
        chosen.merge(heads.get(h).vector(), h, (a, b) -> better(right, loss, a, b));
        best = best < 0 ? h : better(right, loss, best, h);
      }
    }
    return validated(best, right[best] / images[0], chosen);
  }

  /** More right, then less loss, then the first one. */
  private static int better(double[] right, double[] loss, int a, int b) {
    if (right[a] != right[b]) {
      return right[a] > right[b] ? a : b;
    }
    return loss[b] < loss[a] ? b : a;
  }

  /** The head of the same vector and rate that has seen all images. */
  private int twin(int head) {
    return head + spec.config().rates().size();
  }

  private SeedResult validated(int best, double heldOut, Map<String, Integer> chosen) {
    int[] first = new int[heads.size()];
    int[] firstFive = new int[heads.size()];
    Map<List<Integer>, Long> confusion = new TreeMap<>(ProbeTraining::compare);
    int head = twin(best);
    score(
        validation,
        false,
        (scores, labels) -> {
          for (int i = 0; i < labels.length; i++) {
            for (int h = 0; h < heads.size(); h++) {
              first[h] += scores.ranks()[i][h] == 0 ? 1 : 0;
              firstFive[h] += scores.ranks()[i][h] < TOP ? 1 : 0;
            }
            confusion.merge(List.of(labels[i], scores.predictions()[i][head]), 1L, Long::sum);
          }
        });
    double images = validation.manifest().rows();
    Map<String, Double> vectors = new LinkedHashMap<>();
    chosen.forEach((vector, h) -> vectors.put(vector, first[twin(h)] / images));
    return new SeedResult(
        heads.get(head).vector(),
        heads.get(head).rate(),
        heldOut,
        first[head] / images,
        firstFive[head] / images,
        vectors,
        confusion.entrySet().stream()
            .map(
                cell ->
                    new SeedResult.Cell(
                        cell.getKey().get(0), cell.getKey().get(1), cell.getValue()))
            .toList());
  }

  private static int compare(List<Integer> a, List<Integer> b) {
    return IntStream.range(0, 2)
        .map(i -> Integer.compare(a.get(i), b.get(i)))
        .filter(difference -> difference != 0)
        .findFirst()
        .orElse(0);
  }

  @Override
  public void close() {
    probe.close();
  }
}
