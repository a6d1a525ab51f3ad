package dev.beit2.pipelines.eval;

import dev.beit2.io.Json;
import dev.beit2.model.torch.Torch;
import dev.beit2.pipelines.cli.StageProgress;
import java.io.IOException;
import org.apache.beam.sdk.transforms.DoFn;

/** Trains the heads of a seed and writes {@link ProbeSpec#result}. */
final class ProbeFn extends DoFn<Long, Void> {
  private static final long serialVersionUID = 1L;

  private final ProbeSpec spec;
  private final int torchThreads;
  private final StageProgress progress;

  /**
   * @param torchThreads threads of one operation, see {@link Torch#setThreads}
   * @param progress counts the epochs
   */
  ProbeFn(ProbeSpec spec, int torchThreads, StageProgress progress) {
    this.spec = spec;
    this.torchThreads = torchThreads;
    this.progress = progress;
  }

  @Setup
  public void setUp() throws IOException {
    Torch.setThreads(torchThreads);
    progress.open();
  }

  @ProcessElement
  public void processElement(@Element Long seed) throws IOException {
    try (ProbeTraining training = new ProbeTraining(spec, seed)) {
      spec.result(seed).write(Json.pretty(training.run(progress::count)));
      spec.heads(seed).deleteIfExists();
    }
  }

  @Teardown
  public void tearDown() throws IOException {
    progress.close();
  }
}
