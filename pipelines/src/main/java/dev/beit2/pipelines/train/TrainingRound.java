package dev.beit2.pipelines.train;

import dev.beit2.pipelines.average.ChunkKey;
import dev.beit2.pipelines.average.FloatsCoder;
import dev.beit2.pipelines.average.MeanFn;
import dev.beit2.pipelines.average.OuterStepFn;
import dev.beit2.pipelines.average.WriteTensorsFn;
import dev.beit2.pipelines.flink.WorkerPlacement;
import dev.beit2.pipelines.run.RunDirectory;
import java.time.Instant;
import org.apache.beam.sdk.coders.KvCoder;
import org.apache.beam.sdk.coders.StringUtf8Coder;
import org.apache.beam.sdk.coders.VarIntCoder;
import org.apache.beam.sdk.coders.VarLongCoder;
import org.apache.beam.sdk.transforms.Combine;
import org.apache.beam.sdk.transforms.DoFn;
import org.apache.beam.sdk.transforms.Flatten;
import org.apache.beam.sdk.transforms.GroupByKey;
import org.apache.beam.sdk.transforms.PTransform;
import org.apache.beam.sdk.transforms.ParDo;
import org.apache.beam.sdk.transforms.Reshuffle;
import org.apache.beam.sdk.transforms.Values;
import org.apache.beam.sdk.transforms.WithKeys;
import org.apache.beam.sdk.values.KV;
import org.apache.beam.sdk.values.PCollection;
import org.apache.beam.sdk.values.PCollectionList;
import org.apache.beam.sdk.values.PCollectionTuple;
import org.apache.beam.sdk.values.TupleTagList;

/**
 * One round of local SGD (DiLoCo, arXiv 2311.08105): each worker takes its steps, Beam's shuffle
 * averages their parameters chunk by chunk, the outer optimizer applies the mean, and a checkpoint
 * is written. An element says that the round may begin, and when it did; what comes out says so of
 * the next one.
 */
final class TrainingRound extends PTransform<PCollection<Long>, PCollection<Long>> {
  private static final long serialVersionUID = 1L;

  private final TrainingPlan plan;
  private final Round round;
  private final TrainRounds.Source source;
  private final Instant jobStart;

  TrainingRound(TrainingPlan plan, Round round, TrainRounds.Source source, Instant jobStart) {
    this.plan = plan;
    this.round = round;
    this.source = source;
    this.jobStart = jobStart;
  }

  @Override
  public PCollection<Long> expand(PCollection<Long> begin) {
    int[] tasks = WorkerPlacement.keys(begin.getPipeline().getOptions(), round.workers());
    PCollectionTuple trained =
        begin
            .apply("Workers", ParDo.of(new EachWorker(tasks)))
            .setCoder(KvCoder.of(VarIntCoder.of(), KvCoder.of(VarIntCoder.of(), VarLongCoder.of())))
            .apply("One each", Reshuffle.of())
            .apply("Worker", Values.create())
            .apply(
                "Local steps",
                ParDo.of(new LocalStepsFn(source, round, plan.output()))
                    .withOutputTags(LocalStepsFn.CHUNKS, TupleTagList.of(LocalStepsFn.REPORTS)));
    trained.get(LocalStepsFn.CHUNKS).setCoder(KvCoder.of(ChunkKey.CODER, FloatsCoder.of()));
    PCollection<String> parts = trained.get(LocalStepsFn.REPORTS).setCoder(StringUtf8Coder.of());
    if (round.averages()) {
      parts =
          PCollectionList.of(parts)
              .and(average(trained.get(LocalStepsFn.CHUNKS)))
              .apply("All parts", Flatten.pCollections());
    }
    return parts
        .apply("Of this round", WithKeys.of("round"))
        .apply("Wait for all", GroupByKey.create())
        .apply("Commit", ParDo.of(new CommitRoundFn(plan, round, jobStart)))
        .setCoder(VarLongCoder.of());
  }

  /** Averages the workers' chunks into files of the new checkpoint; their names come out. */
  private PCollection<String> average(PCollection<KV<ChunkKey, float[]>> chunks) {
    RunDirectory run = RunDirectory.at(plan.output());
    String from = run.folder(round.from().step());
    String to = run.folder(round.end().step());
    return chunks
        .apply("Average", Combine.perKey(new MeanFn()))
        .setCoder(KvCoder.of(ChunkKey.CODER, FloatsCoder.of()))
        .apply("Outer step", ParDo.of(new OuterStepFn(from, plan.outer())))
        .setCoder(KvCoder.of(StringUtf8Coder.of(), KvCoder.of(VarLongCoder.of(), FloatsCoder.of())))
        .apply("By file", GroupByKey.create())
        .apply("Write", ParDo.of(new WriteTensorsFn(from, to)));
  }

  /** Elements of a worker's number and of when the round began, by what their tasks are found. */
  private static final class EachWorker extends DoFn<Long, KV<Integer, KV<Integer, Long>>> {
    private static final long serialVersionUID = 1L;

    private final int[] tasks;

    EachWorker(int[] tasks) {
      this.tasks = tasks;
    }

    @ProcessElement
    public void processElement(
        @Element Long started, OutputReceiver<KV<Integer, KV<Integer, Long>>> out) {
      for (int worker = 0; worker < tasks.length; worker++) {
        out.output(KV.of(tasks[worker], KV.of(worker, started)));
      }
    }
  }
}
