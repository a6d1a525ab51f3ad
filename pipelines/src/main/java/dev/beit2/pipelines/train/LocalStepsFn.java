package dev.beit2.pipelines.train;

import dev.beit2.io.store.StoredFile;
import dev.beit2.model.torch.DeviceLease;
import dev.beit2.model.torch.NoGpuException;
import dev.beit2.model.torch.Torch;
import dev.beit2.model.train.Learner;
import dev.beit2.model.train.SharedTensor;
import dev.beit2.pipelines.average.ChunkKey;
import dev.beit2.pipelines.cli.InvalidOptionException;
import dev.beit2.pipelines.run.Checkpoint;
import dev.beit2.pipelines.run.RunDirectory;
import java.io.IOException;
import java.nio.FloatBuffer;
import java.util.Map;
import org.apache.beam.sdk.metrics.Counter;
import org.apache.beam.sdk.metrics.Distribution;
import org.apache.beam.sdk.metrics.Gauge;
import org.apache.beam.sdk.metrics.Metrics;
import org.apache.beam.sdk.options.PipelineOptions;
import org.apache.beam.sdk.transforms.DoFn;
import org.apache.beam.sdk.values.KV;
import org.apache.beam.sdk.values.TupleTag;

/**
 * Takes a worker's steps of a round on a device of its own. An element is a worker's number and
 * when the round began.
 *
 * <p>The optimizer's state goes into the folder of the checkpoint to be; the parameters go out in
 * chunks to be averaged, or into that folder where there is but one worker.
 */
public final class LocalStepsFn extends DoFn<KV<Integer, Long>, KV<ChunkKey, float[]>> {
  private static final long serialVersionUID = 1L;

  static final TupleTag<KV<ChunkKey, float[]>> CHUNKS = new TupleTag<>("chunks") {};

  /** {@link WorkerReport}s, as JSON. */
  static final TupleTag<String> REPORTS = new TupleTag<>("reports") {};

  // The accumulators of the mean have eight bytes a value: they are the largest elements, 4 MB.
  public static final int CHUNK_VALUES = 500_000;
  private static final double LOSS_UNIT = 1e-3;

  private final TrainRounds.Source source;
  private final Round round;
  private final String output;

  private final Counter images = Metrics.counter(TrainRounds.class, "images");
  private final Counter steps = Metrics.counter(TrainRounds.class, "steps");
  private final Counter sentBytes = Metrics.counter(TrainRounds.class, "averaged_bytes");
  private final Distribution loss = Metrics.distribution(TrainRounds.class, "loss_thousandths");
  private final Gauge waitPercent = Metrics.gauge(TrainRounds.class, "wait_percent");
  private final Gauge imagesPerSecond = Metrics.gauge(TrainRounds.class, "images_per_second");

  LocalStepsFn(TrainRounds.Source source, Round round, String output) {
    this.source = source;
    this.round = round;
    this.output = output;
  }

  @ProcessElement
  public void processElement(
      @Element KV<Integer, Long> element, PipelineOptions options, MultiOutputReceiver receiver)
      throws Exception {
    int worker = element.getKey();
    long started = element.getValue();
    RunDirectory run = RunDirectory.at(output);
    if (run.checkpoint(round.end()).isPresent()) {
      receiver.get(REPORTS).output(WorkerReport.done(worker, started).toJson());
      return;
    }
    TrainingOptions training = options.as(TrainingOptions.class);
    try (DeviceLease lease = lease(training, worker)) {
      Torch.use(lease.device());
      Torch.setThreads(TrainingOptions.threads(training));
      TrainingLoop<?, ?> session = session(lease, options, worker);
      boolean keep = false;
      try {
        WorkerReport report =
            session.run(round, started, (done, metrics) -> count(worker, done, metrics));
        if (report.failure() == null) {
          report = hand(session.learner(), report, receiver);
          keep = !round.lastOfJob();
        }
        waitPercent.set(Math.round(100 * report.waitSeconds() / report.seconds()));
        imagesPerSecond.set(Math.round(round.steps() * round.batchSize() / report.seconds()));
        receiver.get(REPORTS).output(report.toJson());
      } finally {
        if (keep) {
          lease.keep(session);
        } else {
          session.close();
        }
      }
    }
  }

  private DeviceLease lease(TrainingOptions options, int worker) throws InterruptedException {
    try {
      return DeviceLease.acquire(TrainingOptions.device(options), output, worker);
    } catch (NoGpuException e) {
      throw new InvalidOptionException(
          "--device=" + options.getDevice(), "a worker without a GPU", "a GPU that PyTorch sees");
    }
  }

  private TrainingLoop<?, ?> session(DeviceLease lease, PipelineOptions options, int worker)
      throws Exception {
    if (lease.resident().isPresent()) {
      // Of another class, though of its name, if another job of this run left it here.
      AutoCloseable resident = lease.resident().get();
      if (resident instanceof TrainingLoop<?, ?> session && session.continuesAt(round)) {
        return session;
      }
      resident.close();
    }
    return TrainingLoop.open(source, options, round, worker);
  }

  private void count(int worker, int done, Map<String, Double> metrics) {
    steps.inc();
    images.inc(round.batchSize());
    loss.update(Math.round(metrics.get("loss") / LOSS_UNIT));
    if (worker == 0) {
      TrainingProgress.step(output, round, done, metrics.get("loss"));
    }
  }

  private WorkerReport hand(Learner learner, WorkerReport report, MultiOutputReceiver receiver)
      throws IOException {
    String folder = RunDirectory.at(output).folder(round.end().step());
    StoredFile.in(folder, Checkpoint.optimizer(report.worker())).write(learner::writeOptimizer);
    if (!round.averages()) {
      StoredFile.in(folder, Checkpoint.MODEL).write(learner::writeModel);
      return report;
    }
    long bytes = 0;
    for (SharedTensor tensor : learner.sharedTensors()) {
      bytes += send(tensor, learner.values(tensor.name()), receiver.get(CHUNKS));
    }
    sentBytes.inc(bytes);
    return report.withBytes(bytes);
  }

  private static long send(
      SharedTensor tensor, FloatBuffer values, OutputReceiver<KV<ChunkKey, float[]>> chunks) {
    long bytes = (long) Float.BYTES * values.remaining();
    int row = tensor.rowLength();
    int chunkValues = Math.max(1, CHUNK_VALUES / row) * row;
    for (long from = 0; values.hasRemaining(); from += chunkValues) {
      float[] chunk = new float[Math.min(chunkValues, values.remaining())];
      values.get(chunk);
      chunks.output(KV.of(new ChunkKey(tensor.name(), from, row, tensor.averaging()), chunk));
    }
    return bytes;
  }
}
