package dev.beit2.pipelines.train;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.beit2.model.checkpoint.Safetensors;
import dev.beit2.model.recipe.MicroBatch;
import dev.beit2.model.torch.DeviceChoice;
import dev.beit2.pipelines.average.OuterOptimizer;
import dev.beit2.pipelines.run.Checkpoint;
import dev.beit2.pipelines.run.CheckpointState;
import dev.beit2.pipelines.run.MetricsLog;
import dev.beit2.pipelines.run.RunConfig;
import dev.beit2.pipelines.run.RunDirectory;
import dev.beit2.pipelines.run.RunPosition;
import dev.beit2.pipelines.run.StoppedRun;
import dev.beit2.pipelines.train.TrainingPlan.Length;
import dev.beit2.pipelines.train.TrainingPlan.Schedule;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.stream.Stream;
import org.apache.beam.runners.direct.DirectRunner;
import org.apache.beam.runners.flink.FlinkPipelineOptions;
import org.apache.beam.runners.flink.FlinkRunner;
import org.apache.beam.sdk.Pipeline;
import org.apache.beam.sdk.options.PipelineOptions;
import org.apache.beam.sdk.options.PipelineOptionsFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Rounds of a model of a few parameters on the Direct runner, against the formula. */
final class TrainingRoundTest {
  private static final int EXAMPLES = 11;
  private static final int BATCH = 2;
  // Not a divisor: the last micro-batch is smaller.
  private static final int MICRO_BATCH = 1;
  private static final int LOCAL_STEPS = 3;

  @TempDir Path dir;

  private TrainingPlan plan(String name, int workers, int rounds, OuterOptimizer outer) {
    return new TrainingPlan(
        "train",
        dir.resolve(name).toString(),
        new RunConfig(new TreeMap<>()),
        EXAMPLES,
        workers,
        BATCH,
        new MicroBatch(MICRO_BATCH, MICRO_BATCH),
        1,
        DeviceChoice.CPU,
        LOCAL_STEPS,
        rounds,
        outer,
        new Schedule(new Length(1000L, null), new Length(0L, null), 0.1, 1e-5),
        false);
  }

  private static OuterOptimizer nesterov() {
    return new OuterOptimizer(0.7, 0.9);
  }

  private static RunPosition run(TrainingPlan plan, RunPosition from) {
    PipelineOptions options = PipelineOptionsFactory.create();
    options.setRunner(DirectRunner.class);
    return run(options, new FewSpec(plan, Long.MAX_VALUE), from);
  }

  private static RunPosition run(PipelineOptions options, FewSpec spec, RunPosition from) {
    Pipeline pipeline = Pipeline.create(options);
    TrainingJobs.apply(pipeline, spec, from);
    pipeline.run().waitUntilFinish();
    List<Round> rounds = spec.plan().nextRounds(from);
    return rounds.get(rounds.size() - 1).end();
  }

  /**
   * @param notFiniteAt the step whose loss is not a number, from 1
   */
  private record FewSpec(TrainingPlan plan, long notFiniteAt) implements TrainingSpec {
    @Override
    public TrainingTask<?, ?> open(RunPosition from) {
      return new FewParameters(plan, notFiniteAt);
    }
  }

  /** What rounds should give, computed step by step. */
  private static final class Formula {
    private float[] weights = FewParameters.startingWeights();
    private float[] velocity = new float[weights.length];
    private float[] codes = FewParameters.startingCodes();
    private float seen;
    private List<float[]> inner = List.of();

    void round(Round round, OuterOptimizer outer) {
      double[] mean = new double[weights.length];
      double[] meanCodes = new double[codes.length];
      double meanSeen = 0;
      List<float[]> states = new ArrayList<>();
      for (int k = 0; k < round.workers(); k++) {
        FewParameters.Arithmetic worker =
            new FewParameters.Arithmetic(weights.clone(), codes.clone(), seen);
        if (!inner.isEmpty()) {
          worker.momentum = inner.get(k % inner.size()).clone();
        }
        long own = round.from().images() / round.workers();
        long start = (long) EXAMPLES * k / round.workers();
        long length = (long) EXAMPLES * (k + 1) / round.workers() - start;
        for (int step = 0; step < round.steps(); step++) {
          double target = 0;
          for (int slot = 0; slot < BATCH; slot++, own++) {
            long position = own / length * EXAMPLES + start + own % length;
            target += FewParameters.example(position) / BATCH;
          }
          worker.step((float) target);
        }
        states.add(worker.momentum);
        for (int i = 0; i < mean.length; i++) {
          mean[i] += (double) worker.weights[i] / round.workers();
        }
        for (int i = 0; i < meanCodes.length; i++) {
          meanCodes[i] += (double) worker.codes[i] / round.workers();
        }
        meanSeen += (double) worker.seen / round.workers();
      }
      inner = states;
      for (int i = 0; i < mean.length; i++) {
        double gradient = weights[i] - mean[i];
        velocity[i] = (float) (outer.momentum() * velocity[i] + gradient);
        weights[i] -= (float) (outer.learningRate() * (gradient + outer.momentum() * velocity[i]));
      }
      for (int row = 0; row < meanCodes.length; row += 2) {
        double norm = Math.hypot(meanCodes[row], meanCodes[row + 1]);
        codes[row] = (float) (meanCodes[row] / norm);
        codes[row + 1] = (float) (meanCodes[row + 1] / norm);
      }
      seen = (float) meanSeen;
    }
  }

  private static Map<String, float[]> model(TrainingPlan plan, RunPosition at) throws IOException {
    Checkpoint checkpoint = RunDirectory.at(plan.output()).checkpoint(at).orElseThrow();
    try (var in = checkpoint.open(Checkpoint.MODEL);
        Safetensors file = Safetensors.read(in)) {
      Map<String, float[]> values = new HashMap<>();
      file.tensors()
          .tensors()
          .forEach(
              (name, tensor) -> {
                if (!name.equals(FewParameters.CONSTANT)) {
                  values.put(name, tensor.toFloatArray());
                } else {
                  assertArrayEquals(new long[] {7, 8, 9}, tensor.toLongArray());
                }
              });
      return values;
    }
  }

  private static void assertFormula(Formula formula, TrainingPlan plan, RunPosition at)
      throws IOException {
    Map<String, float[]> model = model(plan, at);
    assertArrayEquals(formula.weights, model.get(FewParameters.WEIGHTS), 1e-6f);
    assertArrayEquals(formula.codes, model.get(FewParameters.CODES), 1e-6f);
    assertEquals(formula.seen, model.get(FewParameters.SEEN)[0], 1e-4f);
  }

  @Test
  void severalWorkersFollowTheFormula() throws IOException {
    TrainingPlan plan = plan("three", 3, 4, nesterov());

    RunPosition end = run(plan, RunPosition.START);

    assertEquals(new RunPosition(12, 12L * 3 * BATCH), end);
    Formula formula = new Formula();
    for (Round round : plan.nextRounds(RunPosition.START)) {
      formula.round(round, plan.outer());
      if (round.end().step() >= 9) { // older checkpoints are gone
        assertFormula(formula, plan, round.end());
      }
    }
    List<Map<String, Double>> steps = MetricsLog.read(plan.output());
    assertEquals(12, steps.size());
    assertEquals(12.0, steps.get(11).get("step"));
  }

  @Test
  void withoutMomentumTheResultIsTheMean() throws IOException {
    TrainingPlan plan = plan("mean", 2, 2, new OuterOptimizer(1, 0));

    RunPosition end = run(plan, RunPosition.START);

    Formula formula = new Formula();
    plan.nextRounds(RunPosition.START).forEach(round -> formula.round(round, plan.outer()));
    assertFormula(formula, plan, end);
    Checkpoint last = RunDirectory.at(plan.output()).checkpoint(end).orElseThrow();
    assertFalse(Files.exists(Path.of(last.directory(), Checkpoint.OUTER)));
  }

  @Test
  void oneWorkerEqualsPlainTrainingBitForBit() throws IOException {
    TrainingPlan plan = plan("one", 1, 3, nesterov());

    RunPosition end = run(plan, RunPosition.START);

    FewParameters plain = new FewParameters(plan, Long.MAX_VALUE);
    double[] batch = plain.newBatch(BATCH);
    for (long step = 0; step < end.step(); step++) {
      for (int slot = 0; slot < BATCH; slot++) {
        long position = step * BATCH + slot;
        plain.fill(position, plain.read(position), batch, slot);
      }
      plain.accumulate(batch, BATCH);
      plain.update();
    }
    Map<String, float[]> model = model(plan, end);
    for (String tensor : List.of(FewParameters.WEIGHTS, FewParameters.CODES, FewParameters.SEEN)) {
      float[] expected = new float[model.get(tensor).length];
      plain.trainer().values(tensor).get(expected);
      assertArrayEquals(expected, model.get(tensor), tensor);
    }
  }

  @Test
  void theNumberOfWorkersMayChangeBetweenRounds() throws IOException {
    TrainingPlan two = plan("changing", 2, 2, nesterov());
    RunPosition middle = run(two, RunPosition.START);
    TrainingPlan three = plan("changing", 3, 1, nesterov());
    RunPosition later = run(three, middle);
    TrainingPlan one = plan("changing", 1, 1, nesterov());
    RunPosition end = run(one, later);

    Formula formula = new Formula();
    two.nextRounds(RunPosition.START).forEach(round -> formula.round(round, two.outer()));
    three.nextRounds(middle).forEach(round -> formula.round(round, three.outer()));
    assertFormula(formula, three, later);
    assertEquals(middle.images() + 3L * LOCAL_STEPS * BATCH, later.images());
    assertEquals(new RunPosition(12, 12L * BATCH + 3L * 2 * BATCH + 6L * BATCH), end);
    Checkpoint last = RunDirectory.at(one.output()).checkpoint(end).orElseThrow();
    assertEquals(
        List.of("model.safetensors", "optimizer-0.safetensors", "state.json"),
        files(Path.of(last.directory())));
  }

  private static List<String> files(Path folder) throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files.map(file -> file.getFileName().toString()).sorted().toList();
    }
  }

  @Test
  void aCompletedRoundIsNotRepeated() throws IOException {
    TrainingPlan plan = plan("again", 2, 2, nesterov());
    RunPosition end = run(plan, RunPosition.START);
    Checkpoint last = RunDirectory.at(plan.output()).checkpoint(end).orElseThrow();
    CheckpointState state = last.state();

    // As Flink does when a machine is lost: it repeats the job from its first element.
    run(plan, RunPosition.START);

    assertEquals(state, last.state());
    assertEquals(6, MetricsLog.read(plan.output()).size());
  }

  @Test
  void eachWorkerHasASubtaskOfItsOwnOnFlink() {
    for (int workers = 2; workers <= 4; workers++) {
      TrainingPlan plan = plan("subtasks" + workers, workers, 2, nesterov());
      FlinkPipelineOptions options = PipelineOptionsFactory.as(FlinkPipelineOptions.class);
      options.setRunner(FlinkRunner.class);
      options.setFlinkMaster("[local]");
      options.setParallelism(workers);

      run(options, new FewSpec(plan, Long.MAX_VALUE), RunPosition.START);

      assertEquals(workers, FewParameters.subtasksOf(plan).size());
    }
  }

  @Test
  void aLossThatIsNotFiniteStopsTheRun() throws IOException {
    TrainingPlan plan = plan("stopped", 2, 3, nesterov());
    // The fifth step is in the second round.
    PipelineOptions options = PipelineOptionsFactory.create();
    options.setRunner(DirectRunner.class);

    run(options, new FewSpec(plan, 5), RunPosition.START);

    assertEquals(3, RunDirectory.latest(plan.output()).orElseThrow().step());
    Optional<String> reason = StoppedRun.reason(plan.output());
    assertTrue(reason.isPresent());
    // Worker 0 of 2 has 5 of 11 examples; its fifth step sees the fourth and fifth of epoch 1.
    assertEquals(
        "the loss of step 5 is NaN, at worker 0 on [example 14, example 15]", reason.get());
    assertEquals(3, MetricsLog.read(plan.output()).size());
  }
}
