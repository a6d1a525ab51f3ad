package dev.beit2.pipelines.train;

import static java.util.Objects.requireNonNull;

import dev.beit2.io.image.RejectedImage;
import dev.beit2.model.train.Learner;
import dev.beit2.pipelines.loader.WorkerPartition;
import dev.beit2.pipelines.run.Checkpoint;
import dev.beit2.pipelines.run.RunDirectory;
import dev.beit2.pipelines.run.RunPosition;
import java.io.IOException;
import java.io.Serializable;
import java.time.Instant;
import java.util.Map;
import java.util.Optional;
import org.apache.beam.sdk.coders.VarLongCoder;
import org.apache.beam.sdk.options.PipelineOptions;
import org.apache.beam.sdk.transforms.Create;
import org.apache.beam.sdk.transforms.DoFn;
import org.apache.beam.sdk.transforms.PTransform;
import org.apache.beam.sdk.transforms.ParDo;
import org.apache.beam.sdk.values.PBegin;
import org.apache.beam.sdk.values.PCollection;

/**
 * Trains for some rounds, one after the other; what comes out are the images of the run that could
 * not be used.
 */
final class TrainRounds extends PTransform<PBegin, PCollection<RejectedImage>> {
  private static final long serialVersionUID = 1L;

  /** Sets up a training on a worker. */
  public interface Source extends Serializable {
    /**
     * @param from where the run is, for what depends on it beside the checkpoint
     */
    TrainingTask<?, ?> open(PipelineOptions options, RunPosition from) throws IOException;
  }

  private final TrainingPlan plan;
  private final RunPosition from;
  private final Source source;

  /**
   * @param from where the run is
   * @param source sets up the training on the worker, from the pipeline's options
   */
  TrainRounds(TrainingPlan plan, RunPosition from, Source source) {
    this.plan = requireNonNull(plan, "plan is null");
    this.from = requireNonNull(from, "from is null");
    this.source = requireNonNull(source, "source is null");
  }

  @Override
  public PCollection<RejectedImage> expand(PBegin begin) {
    Instant jobStart = Instant.now();
    PCollection<Long> next =
        begin
            .apply("One run", Create.of(plan.output()))
            .apply("Begin", ParDo.of(new Begin(plan, from, source)))
            .setCoder(VarLongCoder.of());
    RunPosition end = from;
    for (Round round : plan.nextRounds(from)) {
      String name = "Round to step " + round.end().step();
      next = next.apply(name, new TrainingRound(plan, round, source, jobStart));
      end = round.end();
    }
    return next.apply("Tell rejected", ParDo.of(new TellRejected(plan.output(), end)));
  }

  /**
   * Lets the first round begin. Several workers have to begin with the same parameters: where there
   * is no checkpoint yet, one is written of step 0.
   */
  private static final class Begin extends DoFn<String, Long> {
    private static final long serialVersionUID = 1L;

    private final TrainingPlan plan;
    private final RunPosition from;
    private final Source source;

    Begin(TrainingPlan plan, RunPosition from, Source source) {
      this.plan = plan;
      this.from = from;
      this.source = source;
    }

    @ProcessElement
    public void processElement(
        @Element String output, PipelineOptions options, OutputReceiver<Long> firstRound)
        throws IOException {
      RunDirectory run = RunDirectory.at(output);
      if (plan.workers() > 1 && from.step() == 0 && run.checkpoint(from).isEmpty()) {
        try (TrainingTask<?, ?> task = source.open(options, from)) {
          begin(task);
          Learner learner = task.learner();
          run.writeCheckpoint(
              0, Map.of(Checkpoint.MODEL, learner::writeModel), RoundState.ofBeginning(plan));
        }
      }
      firstRound.output(System.currentTimeMillis());
    }

    private static <ExampleT, BatchT> void begin(TrainingTask<ExampleT, BatchT> task)
        throws IOException {
      BatchT batch = task.newBatch();
      WorkerPartition first = new WorkerPartition(task.plan().examples(), task.plan().workers(), 0);
      for (int slot = 0; slot < task.plan().batchSize(); slot++) {
        long position = first.position(slot);
        task.fill(position, task.read(position), batch, slot);
      }
      task.begin(batch);
    }
  }

  /** Reads them from the last checkpoint. */
  private static final class TellRejected extends DoFn<Long, RejectedImage> {
    private static final long serialVersionUID = 1L;

    private final String output;
    private final RunPosition end;

    TellRejected(String output, RunPosition end) {
      this.output = output;
      this.end = end;
    }

    @ProcessElement
    public void processElement(OutputReceiver<RejectedImage> rejected) throws IOException {
      Optional<Checkpoint> last = RunDirectory.at(output).checkpoint(end);
      if (last.isPresent()) {
        RoundState.rejected(last.get()).forEach(rejected::output);
      }
    }
  }
}
