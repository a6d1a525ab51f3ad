package dev.beit2.pipelines.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.beit2.model.recipe.MicroBatch;
import dev.beit2.model.recipe.TokenizerRecipe;
import dev.beit2.model.torch.DeviceChoice;
import dev.beit2.model.train.CosineSchedule;
import dev.beit2.pipelines.average.OuterOptimizer;
import dev.beit2.pipelines.run.RunConfig;
import dev.beit2.pipelines.run.RunPosition;
import dev.beit2.pipelines.train.TrainingPlan.Length;
import dev.beit2.pipelines.train.TrainingPlan.Schedule;
import dev.beit2.pipelines.vqkd.TrainTokenizer;
import java.util.List;
import java.util.TreeMap;
import java.util.function.Consumer;
import org.apache.beam.sdk.options.PipelineOptionsFactory;
import org.junit.jupiter.api.Test;

class TrainingPlanTest {
  private static final int IMAGES = 1000;
  private static final int BATCH = 10;

  private static TrainingPlan plan(
      Length length, Length warmup, int workers, long localSteps, int roundsPerJob) {
    return new TrainingPlan(
        "train",
        "run",
        new RunConfig(new TreeMap<>()),
        IMAGES,
        workers,
        BATCH,
        new MicroBatch(BATCH, BATCH),
        1,
        DeviceChoice.CPU,
        localSteps,
        roundsPerJob,
        new OuterOptimizer(1, 0),
        new Schedule(length, warmup, 0.1, 1e-5),
        false);
  }

  private static TrainingPlan epochs(double epochs, int workers) {
    return plan(new Length(null, epochs), new Length(null, 0.5), workers, 40, 100);
  }

  private static TrainingPlan steps(long steps, int workers) {
    return plan(new Length(steps, null), new Length(20L, null), workers, 40, 100);
  }

  @Test
  void severalWorkersFinishAnEpochInFewerSteps() {
    assertEquals(300, epochs(3, 1).steps());
    assertEquals(150, epochs(3, 2).steps());
    assertEquals(42, epochs(3, 7).steps()); // 70 images a step, 2940 of 3000
    assertEquals(1, epochs(0.001, 1000).steps());
    assertEquals(300, steps(300, 7).steps());
  }

  @Test
  void aRunOfEpochsContinuesByImagesWhateverTheNumberOfWorkers() {
    RunPosition at = new RunPosition(60, 60 * 2 * BATCH);
    TrainingPlan two = epochs(3, 2);
    assertEquals(60, two.done(at));
    // Two thirds are left, whether for one worker or three.
    TrainingPlan one = epochs(3, 1);
    assertEquals(List.of(120L, 300L), List.of(one.done(at), one.steps()));
    TrainingPlan three = epochs(3, 3);
    assertEquals(List.of(40L, 100L), List.of(three.done(at), three.steps()));
    // The trainer's step is 60, and the rate that of the plan's.
    assertEquals(one.learningRate(RunPosition.START).at(120), one.learningRate(at).at(60));
    assertEquals(three.learningRate(RunPosition.START).at(40), three.learningRate(at).at(60));
    assertEquals(two.learningRate(RunPosition.START).at(60), two.learningRate(at).at(60));
    List<Round> rounds = three.nextRounds(at);
    assertEquals(List.of(40, 20), rounds.stream().map(Round::steps).toList());
    RunPosition end = rounds.get(1).end();
    assertEquals(new RunPosition(120, 3 * IMAGES), end);
    assertTrue(three.isComplete(end) && one.isComplete(end) && two.isComplete(end));
  }

  @Test
  void aRunOfStepsContinuesByStepsWhateverTheNumberOfWorkers() {
    RunPosition at = new RunPosition(60, 60 * 2 * BATCH);
    for (int workers = 1; workers <= 3; workers++) {
      TrainingPlan plan = steps(100, workers);
      assertEquals(60, plan.done(at));
      assertEquals(plan.learningRate(RunPosition.START).at(77), plan.learningRate(at).at(77));
      RunPosition end = plan.nextRounds(at).get(1).end();
      assertEquals(new RunPosition(100, at.images() + 40L * workers * BATCH), end);
      assertTrue(plan.isComplete(end));
      assertFalse(plan.isComplete(at));
    }
  }

  @Test
  void theLastRoundTakesTheRemainingSteps() {
    TrainingPlan plan = steps(100, 2);
    List<Round> rounds = plan.nextRounds(RunPosition.START);
    assertEquals(List.of(40, 40, 20), rounds.stream().map(Round::steps).toList());
    assertEquals(List.of(false, false, true), rounds.stream().map(Round::lastOfJob).toList());
    for (int i = 1; i < rounds.size(); i++) {
      assertEquals(rounds.get(i - 1).end(), rounds.get(i).from());
    }
    assertEquals(List.of(), plan.nextRounds(rounds.get(2).end()));
  }

  @Test
  void roundsPerJobAreLimited() {
    TrainingPlan plan = plan(new Length(200L, null), new Length(0L, null), 1, 40, 2);
    List<Round> first = plan.nextRounds(RunPosition.START);
    assertEquals(List.of(false, true), first.stream().map(Round::lastOfJob).toList());
    List<Round> last = plan.nextRounds(new RunPosition(160, 1600));
    assertEquals(List.of(true), last.stream().map(Round::lastOfJob).toList());
  }

  @Test
  void aNewRoundLengthStartsAtItsNextMultiple() {
    List<Round> rounds = steps(120, 1).nextRounds(new RunPosition(50, 500));
    assertEquals(List.of(80L, 120L), rounds.stream().map(round -> round.end().step()).toList());
  }

  private static TrainingPlan planned(Consumer<TrainTokenizer.Options> given) {
    TrainTokenizer.Options options = PipelineOptionsFactory.as(TrainTokenizer.Options.class);
    options.setOutput("run");
    options.setSteps(1000L);
    options.setWarmupSteps(10L);
    options.setCheckpointEvery(100L);
    options.setBatchSize(64);
    given.accept(options);
    return TrainingPlan.of(
        "train",
        TrainingPlan.config("train", TrainTokenizer.Options.class, options, TokenizerRecipe.BASE),
        options,
        IMAGES,
        224,
        TokenizerRecipe.BASE);
  }

  @Test
  void learningRatesFollowTheWholeBatch() {
    assertEquals(2.5e-5, planned(options -> {}).schedule().learningRate(), 1e-12);
    assertEquals(1.25e-6, planned(options -> {}).schedule().minLearningRate(), 1e-12);
    // Workers that average at every step take a step on all their images together.
    Consumer<TrainTokenizer.Options> four = options -> options.setWorkers(4);
    assertEquals(2.5e-5, planned(four).schedule().learningRate(), 1e-12);
    TrainingPlan together = planned(four.andThen(options -> options.setLocalSteps(1L)));
    assertEquals(1e-4, together.schedule().learningRate(), 1e-12);
    assertEquals(5e-6, together.schedule().minLearningRate(), 1e-12);
    // The number of workers may change in a run, so its configuration has one worker's.
    assertEquals("2.5E-5", together.config().values().get("learningRate"));
    CosineSchedule schedule = together.learningRate(RunPosition.START);
    assertEquals(0, schedule.at(0));
    assertEquals(1e-4, schedule.at(10), 1e-12);
    assertEquals(5e-6, schedule.at(1000), 1e-12);
    TrainingPlan given =
        planned(
            options -> {
              options.setLearningRate(0.1);
              options.setMinLearningRate(0.01);
            });
    assertEquals(
        new Schedule(given.schedule().length(), given.schedule().warmup(), 0.1, 0.01),
        given.schedule());
  }

  @Test
  void aMicroBatchIsGivenInImagesOrAsAPartOfTheBatch() {
    assertEquals(TokenizerRecipe.BASE.microBatch(), planned(options -> {}).microBatch());
    assertEquals(new MicroBatch(5, 5), planned(options -> options.setMicroBatch(5)).microBatch());
    assertEquals(new MicroBatch(16, 16), planned(options -> options.setAccumulate(4)).microBatch());
  }

  @Test
  void theWarmUpIsAtMostHalfOfAllSteps() {
    assertEquals(20, steps(100, 1).learningRate(RunPosition.START).warmupSteps());
    assertEquals(15, steps(30, 1).learningRate(RunPosition.START).warmupSteps());
    assertEquals(25, epochs(3, 2).learningRate(RunPosition.START).warmupSteps());
  }
}
