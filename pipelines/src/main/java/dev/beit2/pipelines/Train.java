package dev.beit2.pipelines;

import static java.util.Objects.requireNonNull;

import dev.beit2.io.image.RejectedImage;
import dev.beit2.model.torch.Torch;
import java.io.IOException;
import java.io.Serializable;
import org.apache.beam.sdk.metrics.Counter;
import org.apache.beam.sdk.metrics.Metrics;
import org.apache.beam.sdk.options.PipelineOptions;
import org.apache.beam.sdk.transforms.Create;
import org.apache.beam.sdk.transforms.DoFn;
import org.apache.beam.sdk.transforms.PTransform;
import org.apache.beam.sdk.transforms.ParDo;
import org.apache.beam.sdk.values.PBegin;
import org.apache.beam.sdk.values.PCollection;

/** Trains on one worker; what comes out are the images that could not be used. */
final class Train extends PTransform<PBegin, PCollection<RejectedImage>> {
  private static final long serialVersionUID = 1L;

  /** Sets up a training on a worker. */
  interface Source extends Serializable {
    TrainingTask<?, ?> open(PipelineOptions options) throws IOException;
  }

  private final String stage;
  private final Source task;

  /**
   * @param stage what progress is told as
   * @param task sets up the training on the worker, from the pipeline's options
   */
  Train(String stage, Source task) {
    this.stage = requireNonNull(stage, "stage is null");
    this.task = requireNonNull(task, "task is null");
  }

  @Override
  public PCollection<RejectedImage> expand(PBegin begin) {
    return begin
        .apply("One worker", Create.of(stage))
        .apply("Train to the last step", ParDo.of(new TrainFn(task)));
  }

  /** An element is the name of a stage. */
  private static final class TrainFn extends DoFn<String, RejectedImage> {
    private static final long serialVersionUID = 1L;

    private final Source task;
    private final Counter rejectedImages =
        Metrics.counter(Train.class, TokenizeDataset.REJECTED_IMAGES);

    TrainFn(Source task) {
      this.task = task;
    }

    @ProcessElement
    public void processElement(
        @Element String stage, PipelineOptions options, OutputReceiver<RejectedImage> rejected)
        throws IOException, InterruptedException {
      Torch.setThreads(Command.cores());
      try (TrainingTask<?, ?> training = task.open(options)) {
        TrainingLoop.run(training, stage);
        training.rejected().forEach(rejected::output);
        rejectedImages.inc(training.rejected().size());
      }
    }
  }
}
