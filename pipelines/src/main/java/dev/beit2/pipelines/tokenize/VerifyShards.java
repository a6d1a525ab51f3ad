package dev.beit2.pipelines.tokenize;

import dev.beit2.io.Json;
import dev.beit2.io.PlainText;
import dev.beit2.io.shard.CodeUsage;
import dev.beit2.io.shard.ShardManifest;
import dev.beit2.io.shard.ShardManifest.Shard;
import dev.beit2.io.shard.ShardVerification;
import dev.beit2.pipelines.cli.Command;
import dev.beit2.pipelines.cli.CommandLine;
import dev.beit2.pipelines.cli.Progress;
import dev.beit2.pipelines.cli.UsageText;
import dev.beit2.pipelines.options.Inputs;
import java.io.PrintStream;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalDouble;
import java.util.concurrent.atomic.AtomicLong;
import java.util.function.Consumer;
import java.util.function.Function;
import org.apache.beam.sdk.options.Default;
import org.apache.beam.sdk.options.Description;
import org.apache.beam.sdk.options.PipelineOptions;
import org.apache.beam.sdk.options.Validation;

/** Checks MIM shards against their manifest. */
public final class VerifyShards {
  static final String NAME = "verify";

  public static final Command<Options> COMMAND =
      Command.of(
          NAME,
          "check MIM shards",
          "Checks MIM shards: every file of the manifest exists with its length and checksum, and"
              + " every row can be read and agrees with the manifest. Reports the codebook usage. Ends"
              + " with exit code 1 if anything is wrong.",
          Options.class,
          options -> run(options, System.out));

  private VerifyShards() {}

  /** The options of {@code ./beit2 verify}. */
  public interface Options extends PipelineOptions {
    @Description("Shards written by ./beit2 tokenize.")
    @Validation.Required
    String getShards();

    void setShards(String shards);

    @Description(
        "Whether to check only lengths and footers, in one request a shard. No row and no checksum is read.")
    @Default.Boolean(false)
    boolean getQuick();

    void setQuick(boolean quick);

    @Description("Whether to print the report as JSON.")
    @Default.Boolean(false)
    boolean getJson();

    void setJson(boolean json);
  }

  /** {@code ./beit2 verify}. */
  public static void main(String[] args) {
    CommandLine.main(COMMAND, args);
  }

  /** Checks, prints what was found, and returns the exit code. */
  static int run(Options options, PrintStream out) {
    ShardManifest manifest = Inputs.shards("--shards", options.getShards());
    if (options.getQuick()) {
      return quick(options, manifest, out);
    }
    ShardVerification found = verify(options.getShards(), manifest);
    out.println(options.getJson() ? json(manifest, found) : text(options.getShards(), found));
    return found.sound() ? CommandLine.OK : CommandLine.FAILED;
  }

  private static int quick(Options options, ShardManifest manifest, PrintStream out) {
    List<String> problems =
        withProgress(manifest, done -> ShardVerification.quick(options.getShards(), done));
    if (options.getJson()) {
      Map<String, Object> json = new LinkedHashMap<>();
      json.put("sound", problems.isEmpty());
      json.put("quick", true);
      json.put("shards", manifest.shards().size());
      json.put("images", manifest.rows());
      json.put("problems", problems);
      out.println(Json.pretty(json).stripTrailing());
    } else {
      out.printf(
          Locale.ROOT,
          "%s: %d images in %d shards, of which lengths and footers were checked%n",
          options.getShards(),
          manifest.rows(),
          manifest.shards().size());
      problems.forEach(problem -> out.println("  " + PlainText.of(problem)));
      out.println(problems.isEmpty() ? "sound as far as that tells" : "NOT sound");
    }
    return problems.isEmpty() ? CommandLine.OK : CommandLine.FAILED;
  }

  private static ShardVerification verify(String directory, ShardManifest manifest) {
    return withProgress(manifest, done -> ShardVerification.verify(directory, done));
  }

  private static <T> T withProgress(ShardManifest manifest, Function<Consumer<Shard>, T> check) {
    Progress progress = Progress.onStderr(NAME, manifest.shards().size(), "MB");
    AtomicLong shards = new AtomicLong();
    AtomicLong bytes = new AtomicLong();
    T found =
        check.apply(
            shard ->
                progress.update(
                    shards.incrementAndGet(),
                    OptionalDouble.empty(),
                    bytes.addAndGet(shard.bytes()) >> 20));
    progress.done();
    return found;
  }

  private static String json(ShardManifest manifest, ShardVerification found) {
    Map<String, Object> json = new LinkedHashMap<>();
    json.put("sound", found.sound());
    json.put("shards", manifest.shards().size());
    json.put("images", found.images());
    json.put("views", found.views());
    json.put("codebookSize", found.codeCounts().length);
    json.put("codesInUse", found.codeUsage().inUse());
    json.put("perplexity", found.codeUsage().perplexity());
    json.put("codeCounts", found.codeCounts());
    json.put("duplicateKeys", found.duplicateKeys());
    json.put("duplicateImages", found.duplicateImages());
    json.put("problems", found.problems());
    return Json.pretty(json).stripTrailing();
  }

  private static String text(String directory, ShardVerification found) {
    CodeUsage usage = found.codeUsage();
    StringBuilder text =
        new StringBuilder(
            String.format(
                Locale.ROOT,
                "%s: %d images, %d views, %d of %d codes in use, perplexity %.1f",
                directory,
                found.images(),
                found.views(),
                usage.inUse(),
                usage.codebookSize(),
                usage.perplexity()));
    UsageText.lines(usage).forEach(line -> text.append("\n  ").append(line));
    if (found.duplicateImages() > 0) {
      text.append(
          "\n%d images have the same bytes as another one (no error)"
              .formatted(found.duplicateImages()));
    }
    found.problems().forEach(problem -> text.append("\n  ").append(PlainText.of(problem)));
    return text.append(found.sound() ? "\nsound" : "\nNOT sound").toString();
  }
}
