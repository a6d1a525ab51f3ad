package dev.beit2.pipelines.train;

import dev.beit2.pipelines.average.AverageParameters;
import dev.beit2.pipelines.flink.WorkerPlacement;
import dev.beit2.pipelines.run.RunDirectory;
import java.time.Instant;
import org.apache.beam.sdk.coders.KvCoder;
import org.apache.beam.sdk.coders.VarIntCoder;
import org.apache.beam.sdk.coders.VarLongCoder;
import org.apache.beam.sdk.transforms.DoFn;
import org.apache.beam.sdk.transforms.PTransform;
import org.apache.beam.sdk.transforms.ParDo;
import org.apache.beam.sdk.transforms.Reshuffle;
import org.apache.beam.sdk.transforms.Values;
import org.apache.beam.sdk.transforms.WithKeys;
import org.apache.beam.sdk.transforms.display.DisplayData;
import org.apache.beam.sdk.transforms.join.CoGroupByKey;
import org.apache.beam.sdk.transforms.join.KeyedPCollectionTuple;
import org.apache.beam.sdk.values.KV;
import org.apache.beam.sdk.values.PCollection;
import org.apache.beam.sdk.values.PCollectionTuple;
import org.apache.beam.sdk.values.TupleTagList;

/**
 * One round of local SGD (DiLoCo, arXiv 2311.08105): each worker takes its steps, Beam's shuffle
 * averages their parameters chunk by chunk, the outer optimizer applies the average, and a
 * checkpoint is written. Input: start time of this round. Output: start time of the next round.
 */
final class TrainingRound extends PTransform<PCollection<Long>, PCollection<Long>> {
  private static final long serialVersionUID = 1L;

  private final TrainingSpec spec;
  private final Round round;
  private final Instant jobStart;

  TrainingRound(TrainingSpec spec, Round round, Instant jobStart) {
    this.spec = spec;
    this.round = round;
    this.jobStart = jobStart;
  }

  @Override
  public PCollection<Long> expand(PCollection<Long> started) {
    int[] keys = WorkerPlacement.keys(started.getPipeline().getOptions(), round.workers());
    PCollectionTuple trained =
        started
            .apply("Workers", ParDo.of(new WorkersFn(keys)))
            .setCoder(KvCoder.of(VarIntCoder.of(), KvCoder.of(VarIntCoder.of(), VarLongCoder.of())))
            .apply("Place workers", Reshuffle.of())
            .apply("Worker", Values.create())
            .apply(
                "Local steps",
                ParDo.of(new LocalStepsFn(spec, round))
                    .withOutputTags(LocalStepsFn.CHUNKS, TupleTagList.of(LocalStepsFn.REPORTS)));
    trained.get(LocalStepsFn.CHUNKS).setCoder(AverageParameters.CHUNK_CODER);
    KeyedPCollectionTuple<String> results =
        KeyedPCollectionTuple.of(
            CommitRoundFn.REPORTS,
            trained
                .get(LocalStepsFn.REPORTS)
                .setCoder(WorkerReport.CODER)
                .apply("Reports of the round", WithKeys.of("round")));
    if (round.averages()) {
      RunDirectory run = RunDirectory.at(spec.plan().output());
      results =
          results.and(
              CommitRoundFn.FILES,
              trained
                  .get(LocalStepsFn.CHUNKS)
                  .apply(
                      "Average",
                      new AverageParameters(
                          run.folder(round.from().step()),
                          run.folder(round.end().step()),
                          spec.plan().outer()))
                  .apply("Files of the round", WithKeys.of("round")));
    }
    return results
        .apply("Wait for all", CoGroupByKey.create())
        .apply("Commit", ParDo.of(new CommitRoundFn(spec, round, jobStart)))
        .setCoder(VarLongCoder.of());
  }

  @Override
  public void populateDisplayData(DisplayData.Builder builder) {
    builder
        .add(DisplayData.item("run", spec.plan().output()))
        .add(DisplayData.item("workers", round.workers()))
        .add(DisplayData.item("fromStep", round.from().step()))
        .add(DisplayData.item("steps", round.steps()))
        .add(DisplayData.item("batchSize", round.batchSize()));
  }

  /**
   * One element per worker: its number and the start time of the round, under a key that gives the
   * worker a task of its own.
   */
  private static final class WorkersFn extends DoFn<Long, KV<Integer, KV<Integer, Long>>> {
    private static final long serialVersionUID = 1L;

    private final int[] keys;

    WorkersFn(int[] keys) {
      this.keys = keys;
    }

    @ProcessElement
    public void processElement(
        @Element Long started, OutputReceiver<KV<Integer, KV<Integer, Long>>> workers) {
      for (int worker = 0; worker < keys.length; worker++) {
        workers.output(KV.of(keys[worker], KV.of(worker, started)));
      }
    }
  }
}
