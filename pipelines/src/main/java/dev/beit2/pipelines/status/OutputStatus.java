package dev.beit2.pipelines.status;

import dev.beit2.io.image.RejectedImages;
import dev.beit2.io.shard.FeatureManifest;
import dev.beit2.io.shard.ShardManifest;
import dev.beit2.io.store.Hold;
import dev.beit2.io.store.StoredFile;
import dev.beit2.pipelines.eval.Evaluate;
import dev.beit2.pipelines.eval.Evaluation;
import dev.beit2.pipelines.eval.ExtractFeatures;
import dev.beit2.pipelines.eval.LinearProbing;
import dev.beit2.pipelines.eval.ProbeResult;
import dev.beit2.pipelines.run.RejectedNote;
import dev.beit2.pipelines.tokenize.TokenizeDataset;
import java.io.IOException;
import java.io.PrintStream;
import java.util.Map;
import java.util.Optional;

/**
 * The state of what a command other than a training writes: codes, features or a measure. The file
 * that it writes last tells whether it is complete.
 */
final class OutputStatus {
  /** The file that a command writes last. */
  private static final Map<String, String> LAST =
      Map.of(
          TokenizeDataset.COMMAND.name(), ShardManifest.FILE,
          ExtractFeatures.COMMAND.name(), ShardManifest.FILE,
          Evaluate.COMMAND.name(), Evaluation.FILE,
          LinearProbing.COMMAND.name(), ProbeResult.FILE);

  private OutputStatus() {}

  static boolean isOf(String command) {
    return LAST.containsKey(command);
  }

  /** The command that has written a folder without a configuration, if its result is there. */
  static Optional<String> commandOf(String folder) throws IOException {
    return StoredFile.in(folder, Evaluation.FILE).exists()
        ? Optional.of(Evaluate.COMMAND.name())
        : Optional.empty();
  }

  static void print(String folder, String command, PrintStream out) throws IOException {
    out.printf("folder    %s%n", folder);
    out.printf("command   %s%n", command);
    out.printf("state     %s%n", state(folder, command));
    Optional<RejectedImages.Written> rejected = RejectedImages.written(RejectedNote.folder(folder));
    out.printf(
        "rejected  %s%n",
        rejected.map(list -> list.count() + ", see " + list.path()).orElse("none"));
  }

  private static String state(String folder, String command) throws IOException {
    if (StoredFile.in(folder, LAST.get(command)).exists()) {
      return "complete" + content(folder, command);
    }
    return Hold.isTaken(folder)
        ? "under way, or killed; the same command continues"
        : "not complete; the same command continues";
  }

  private static String content(String folder, String command) {
    if (command.equals(TokenizeDataset.COMMAND.name())) {
      ShardManifest manifest = ShardManifest.read(folder);
      return ": %d images in %d shards".formatted(manifest.rows(), manifest.shards().size());
    }
    if (command.equals(ExtractFeatures.COMMAND.name())) {
      FeatureManifest manifest = FeatureManifest.read(folder);
      return ": %d images in %d shards".formatted(manifest.rows(), manifest.shards().size());
    }
    return "";
  }
}
