package dev.beit2.pipelines.train;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import dev.beit2.io.image.RejectedImage;
import dev.beit2.model.checkpoint.Safetensors;
import dev.beit2.model.torch.Torch;
import dev.beit2.model.train.Averaging;
import dev.beit2.model.train.NonFiniteLossException;
import dev.beit2.model.train.SharedTensor;
import dev.beit2.model.train.Trainer;
import java.io.IOException;
import java.nio.FloatBuffer;
import java.nio.channels.ReadableByteChannel;
import java.nio.channels.WritableByteChannel;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A training whose steps can be worked out by hand: weights go towards the mean of a batch of
 * numbers, with a momentum that each worker keeps for itself.
 */
final class FewParameters implements TrainingTask<Float, double[]> {
  static final String WEIGHTS = "weights";
  static final String CODES = "codes";
  static final String SEEN = "seen";
  static final String CONSTANT = "constant";

  private static final String MOMENTUM = "momentum";
  // Long enough for more than one chunk.
  private static final int ROWS = LocalStepsFn.CHUNK_VALUES / 2 + 10;

  private static final Pattern SUBTASK = Pattern.compile("\\((\\d+)/\\d+\\)");
  private static final Map<String, Set<String>> SUBTASKS = new ConcurrentHashMap<>();

  private final TrainingPlan plan;
  private final long notFiniteAt;
  private final Few trainer = new Few();
  private double target;

  /**
   * @param notFiniteAt the step whose loss is no number, from 1
   */
  FewParameters(TrainingPlan plan, long notFiniteAt) {
    this.plan = plan;
    this.notFiniteAt = notFiniteAt;
  }

  /** Flink's numbers of the subtasks that took steps of a run, from 1. */
  static Set<String> subtasksOf(TrainingPlan plan) {
    return SUBTASKS.getOrDefault(plan.output(), Set.of());
  }

  static float[] startingWeights() {
    float[] weights = new float[2 * ROWS];
    for (int i = 0; i < weights.length; i++) {
      weights[i] = i % 7 - 3;
    }
    return weights;
  }

  static float[] startingCodes() {
    return new float[] {1, 0, 0.6f, 0.8f};
  }

  /** The number at a position of the run. */
  static float example(long position) {
    return (float) Math.sin(position);
  }

  /** The model's arithmetic. */
  static final class Arithmetic {
    final float[] weights;
    final float[] codes;
    float seen;
    float[] momentum;

    Arithmetic(float[] weights, float[] codes, float seen) {
      this.weights = weights;
      this.codes = codes;
      this.seen = seen;
      this.momentum = new float[weights.length];
    }

    void step(float target) {
      for (int i = 0; i < weights.length; i++) {
        momentum[i] = 0.5f * momentum[i] + (weights[i] - target);
        weights[i] -= 0.1f * momentum[i];
      }
      for (int i = 0; i < codes.length; i += 2) {
        double angle = Math.atan2(codes[i + 1], codes[i]) + 0.1 * target;
        codes[i] = (float) Math.cos(angle);
        codes[i + 1] = (float) Math.sin(angle);
      }
      seen += target;
    }
  }

  private static final class Few implements Trainer {
    private Arithmetic model = new Arithmetic(startingWeights(), startingCodes(), 0);
    private long steps;

    @Override
    public long step() {
      return steps;
    }

    @Override
    public List<SharedTensor> sharedTensors() {
      return List.of(
          new SharedTensor(WEIGHTS, List.of((long) ROWS, 2L), Averaging.OUTER_STEP),
          new SharedTensor(CODES, List.of(2L, 2L), Averaging.UNIT_MEAN),
          new SharedTensor(SEEN, List.of(), Averaging.MEAN));
    }

    @Override
    public FloatBuffer values(String name) {
      return FloatBuffer.wrap(
          switch (name) {
            case WEIGHTS -> model.weights;
            case CODES -> model.codes;
            default -> new float[] {model.seen};
          });
    }

    @Override
    public void writeModel(WritableByteChannel out) throws IOException {
      try (NDManager manager = Torch.newManager()) {
        Map<String, NDArray> tensors = new LinkedHashMap<>();
        tensors.put(WEIGHTS, manager.create(model.weights, new Shape(ROWS, 2)));
        tensors.put(CONSTANT, manager.create(new long[] {7, 8, 9}));
        tensors.put(CODES, manager.create(model.codes, new Shape(2, 2)));
        tensors.put(SEEN, manager.create(model.seen));
        Safetensors.write(out, Map.of("kind", "few"), tensors);
      }
    }

    @Override
    public void writeOptimizer(WritableByteChannel out) throws IOException {
      try (NDManager manager = Torch.newManager()) {
        Safetensors.write(
            out,
            Map.of("step", Long.toString(steps)),
            Map.of(MOMENTUM, manager.create(model.momentum)));
      }
    }

    @Override
    public void restoreModel(ReadableByteChannel in) throws IOException {
      try (Safetensors saved = Safetensors.read(in)) {
        Arithmetic restored =
            new Arithmetic(
                saved.tensors().get(WEIGHTS).toFloatArray(),
                saved.tensors().get(CODES).toFloatArray(),
                saved.tensors().get(SEEN).getFloat());
        restored.momentum = model.momentum;
        model = restored;
      }
    }

    @Override
    public void restoreOptimizer(ReadableByteChannel in) throws IOException {
      try (Safetensors saved = Safetensors.read(in)) {
        model.momentum = saved.tensors().get(MOMENTUM).toFloatArray();
        steps = Long.parseLong(saved.metadata().get("step"));
      }
    }

    @Override
    public void close() {}
  }

  @Override
  public Trainer trainer() {
    return trainer;
  }

  /** A batch's numbers, followed by their positions. */
  @Override
  public double[] newBatch(int size) {
    return new double[2 * size];
  }

  @Override
  public Float read(long position) {
    return example(position);
  }

  @Override
  public void fill(long position, Float example, double[] batch, int slot) {
    batch[slot] = example;
    batch[batch.length / 2 + slot] = position;
  }

  @Override
  public int initialImages() {
    return 0;
  }

  @Override
  public void initialize(double[] images) {}

  @Override
  public void accumulate(double[] microBatch, int size) {
    for (int slot = 0; slot < size; slot++) {
      target += microBatch[slot] / plan.batchSize();
    }
  }

  @Override
  public Map<String, Double> update() {
    Matcher subtask = SUBTASK.matcher(Thread.currentThread().getName());
    if (subtask.find()) {
      SUBTASKS
          .computeIfAbsent(plan.output(), output -> ConcurrentHashMap.newKeySet())
          .add(subtask.group(1));
    }
    if (trainer.steps + 1 == notFiniteAt) {
      throw NonFiniteLossException.ofLoss(notFiniteAt, Double.NaN);
    }
    trainer.model.step((float) target);
    trainer.steps++;
    double loss = Math.abs(target);
    target = 0;
    return Map.of("loss", loss);
  }

  @Override
  public List<String> keys(double[] batch, int size) {
    return Arrays.stream(batch, batch.length / 2, batch.length / 2 + size)
        .mapToObj(position -> "example " + (long) position)
        .toList();
  }

  @Override
  public List<RejectedImage> rejected() {
    return List.of();
  }

  @Override
  public void addRejected(List<RejectedImage> images) {}

  @Override
  public void close() {}
}
