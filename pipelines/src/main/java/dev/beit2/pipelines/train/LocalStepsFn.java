package dev.beit2.pipelines.train;

import dev.beit2.io.store.StoredFile;
import dev.beit2.model.torch.DeviceLease;
import dev.beit2.model.torch.NoGpuException;
import dev.beit2.model.torch.Torch;
import dev.beit2.model.torch.TorchLibrary;
import dev.beit2.model.train.SharedTensor;
import dev.beit2.model.train.Trainer;
import dev.beit2.pipelines.average.ChunkKey;
import dev.beit2.pipelines.cli.InvalidOptionException;
import dev.beit2.pipelines.run.Checkpoint;
import dev.beit2.pipelines.run.FaintImages;
import dev.beit2.pipelines.run.RunDirectory;
import java.io.IOException;
import java.nio.FloatBuffer;
import java.util.Locale;
import java.util.Map;
import org.apache.beam.sdk.metrics.Counter;
import org.apache.beam.sdk.metrics.Distribution;
import org.apache.beam.sdk.metrics.Gauge;
import org.apache.beam.sdk.metrics.Metrics;
import org.apache.beam.sdk.transforms.DoFn;
import org.apache.beam.sdk.values.KV;
import org.apache.beam.sdk.values.TupleTag;

/**
 * Takes one worker's steps of a round, on its own device. Input: the worker's number and the start
 * time of the round.
 *
 * <p>The optimizer's state is written into the folder of the next checkpoint. The parameters are
 * output in chunks to be averaged; a single worker writes them into that folder instead.
 */
final class LocalStepsFn extends DoFn<KV<Integer, Long>, KV<ChunkKey, float[]>> {
  private static final long serialVersionUID = 1L;

  static final TupleTag<KV<ChunkKey, float[]>> CHUNKS = new TupleTag<>("chunks") {};
  static final TupleTag<WorkerReport> REPORTS = new TupleTag<>("reports") {};

  // The largest elements are the accumulators of the mean, with 8 bytes per value: 4 MB.
  static final int CHUNK_VALUES = 500_000;

  private static final double LOSS_UNIT = 1e-3;

  private final TrainingSpec spec;
  private final Round round;

  private final Counter images = Metrics.counter(TrainingRound.class, "images");
  private final Counter steps = Metrics.counter(TrainingRound.class, "steps");
  private final Counter faintImages = FaintImages.counter();
  private final Counter sentBytes = Metrics.counter(TrainingRound.class, "averaged_bytes");
  private final Distribution loss = Metrics.distribution(TrainingRound.class, "loss_thousandths");
  private final Gauge waitPercent = Metrics.gauge(TrainingRound.class, "wait_percent");
  private final Gauge imagesPerSecond = Metrics.gauge(TrainingRound.class, "images_per_second");

  LocalStepsFn(TrainingSpec spec, Round round) {
    this.spec = spec;
    this.round = round;
  }

  @ProcessElement
  public void processElement(@Element KV<Integer, Long> element, MultiOutputReceiver receiver)
      throws Exception {
    int worker = element.getKey();
    long started = element.getValue();
    TrainingPlan plan = spec.plan();
    if (RunDirectory.at(plan.output()).checkpoint(round.end()).isPresent()) {
      receiver.get(REPORTS).output(WorkerReport.ofCompletedRound(worker, started));
      return;
    }
    try (DeviceLease lease = lease(plan, worker)) {
      Torch.use(lease.device());
      Torch.setThreads(plan.threadsHere());
      TrainingLoop<?, ?> loop = loop(lease, worker);
      boolean keep = false;
      try {
        WorkerReport report = loop.run(round, started, this::count);
        faintImages.inc(loop.takeFaint());
        if (report.failure() == null) {
          report = writeAndSend(loop.trainer(), report, receiver);
          keep = !round.lastOfJob();
        }
        waitPercent.set(Math.round(100 * report.waitSeconds() / report.seconds()));
        imagesPerSecond.set(Math.round(round.steps() * round.batchSize() / report.seconds()));
        receiver.get(REPORTS).output(report);
      } finally {
        if (keep) {
          lease.keep(loop);
        } else {
          loop.close();
        }
      }
    }
  }

  private static DeviceLease lease(TrainingPlan plan, int worker) throws InterruptedException {
    try {
      return DeviceLease.acquire(plan.device(), plan.output(), worker);
    } catch (NoGpuException e) {
      throw new InvalidOptionException(
          "--device=" + plan.device().name().toLowerCase(Locale.ROOT),
          "a worker without a GPU (" + TorchLibrary.loaded() + ")",
          "a GPU that PyTorch sees");
    }
  }

  /** The loop that did the previous round on this device, or a new one from the checkpoint. */
  private TrainingLoop<?, ?> loop(DeviceLease lease, int worker) throws Exception {
    if (lease.resident().isPresent()) {
      AutoCloseable resident = lease.resident().get();
      // A loop that another job of this run left is of another class with the same name.
      if (resident instanceof TrainingLoop<?, ?> loop && loop.continuesAt(round)) {
        return loop;
      }
      resident.close();
    }
    return TrainingLoop.open(spec, round, worker);
  }

  private void count(Map<String, Double> metrics) {
    steps.inc();
    images.inc(round.batchSize());
    loss.update(Math.round(metrics.get("loss") / LOSS_UNIT));
  }

  private WorkerReport writeAndSend(
      Trainer trainer, WorkerReport report, MultiOutputReceiver receiver) throws IOException {
    String folder = RunDirectory.at(spec.plan().output()).folder(round.end().step());
    StoredFile.in(folder, Checkpoint.optimizer(report.worker())).write(trainer::writeOptimizer);
    if (!round.averages()) {
      StoredFile.in(folder, Checkpoint.MODEL).write(trainer::writeModel);
      return report;
    }
    long bytes = 0;
    for (SharedTensor tensor : trainer.sharedTensors()) {
      bytes += send(tensor, trainer.contribution(tensor.name()), receiver.get(CHUNKS));
    }
    sentBytes.inc(bytes);
    return report.withBytes(bytes);
  }

  /** Outputs a tensor in chunks of whole rows; returns its size in bytes. */
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
