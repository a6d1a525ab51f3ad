package dev.beit2.pipelines;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.beit2.pipelines.cli.Command;
import dev.beit2.pipelines.cli.CommandLine;
import dev.beit2.pipelines.eval.Evaluate;
import dev.beit2.pipelines.mim.PretrainMim;
import dev.beit2.pipelines.tokenize.TokenizeDataset;
import dev.beit2.pipelines.vqkd.TrainTokenizer;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveOutputStream;
import org.junit.jupiter.api.extension.BeforeAllCallback;
import org.junit.jupiter.api.extension.ExtensionContext;

/**
 * A few of the sample photographs, and what the commands make of them on embedded Flink in a few
 * steps:
 *
 * <pre>
 * &#64;RegisterExtension static final SampleRuns SAMPLES = new SampleRuns();
 * </pre>
 *
 * Each file or folder is made when a test first asks for it, and all test classes share it. So a
 * test must not change it: copy it first.
 */
final class SampleRuns implements BeforeAllCallback {
  /** The key of the image in {@link #train} that cannot be decoded. */
  static final String BROKEN = "bird/broken.jpg";

  private static final List<String> CLASSES = List.of("bird", "flower", "lake");
  private static final int IMAGES_PER_CLASS = 4;

  private Shared shared;

  @Override
  public void beforeAll(ExtensionContext context) {
    shared =
        context
            .getRoot()
            .getStore(ExtensionContext.Namespace.create(SampleRuns.class))
            .getOrComputeIfAbsent(Shared.class, key -> new Shared(), Shared.class);
  }

  /** Makes a file or a folder at a path where there is nothing yet. */
  private interface Maker {
    void make(Path path) throws IOException;
  }

  /** What has been made so far. JUnit closes it after the last test class. */
  private static final class Shared implements AutoCloseable {
    private final Path folder;
    private final Map<String, Boolean> complete = new HashMap<>();

    Shared() {
      try {
        folder = Files.createTempDirectory("beit2-samples-");
      } catch (IOException e) {
        throw new UncheckedIOException(e);
      }
    }

    Path get(String name, Maker maker) throws IOException {
      Path path = folder.resolve(name);
      if (complete.putIfAbsent(name, false) == null) {
        maker.make(path);
        complete.put(name, true);
      }
      assertTrue(complete.get(name), () -> "an earlier test failed to make " + path);
      return path;
    }

    @Override
    public void close() throws IOException {
      try (Stream<Path> files = Files.walk(folder)) {
        for (Path file : files.sorted(Comparator.reverseOrder()).toList()) {
          Files.delete(file);
        }
      }
    }
  }

  /** Three classes of four images each, and {@link #BROKEN}. */
  Path train() throws IOException {
    return shared.get(
        "train",
        path -> {
          copyImages("train", path);
          Files.writeString(path.resolve(BROKEN), "no image");
        });
  }

  /** Three classes of four images each. */
  Path validation() throws IOException {
    return shared.get("val", path -> copyImages("val", path));
  }

  private static void copyImages(String part, Path to) throws IOException {
    Commands.copyImages(part, to, IMAGES_PER_CLASS, CLASSES.toArray(String[]::new));
  }

  /** {@link #train} as a WebDataset, with the same keys; the classes have numbers, not names. */
  Path trainArchive() throws IOException {
    return shared.get(
        "train.tar",
        path -> {
          Path images = train();
          try (TarArchiveOutputStream tar =
                  new TarArchiveOutputStream(Files.newOutputStream(path));
              Stream<Path> files = Files.walk(images)) {
            for (Path image : files.filter(Files::isRegularFile).sorted().toList()) {
              String key = images.relativize(image).toString();
              int label = CLASSES.indexOf(key.substring(0, key.indexOf('/')));
              add(tar, key, Files.readAllBytes(image));
              add(tar, key.replaceAll("\\..*", ".cls"), Integer.toString(label).getBytes(UTF_8));
            }
          }
        });
  }

  /** An archive of one image, {@code 1.jpg}, without a label. */
  Path unlabelledArchive() throws IOException {
    return shared.get(
        "unlabelled.tar",
        path -> {
          try (TarArchiveOutputStream tar =
                  new TarArchiveOutputStream(Files.newOutputStream(path));
              Stream<Path> birds = Files.list(validation().resolve("bird"))) {
            add(tar, "1.jpg", Files.readAllBytes(birds.sorted().findFirst().orElseThrow()));
          }
        });
  }

  private static void add(TarArchiveOutputStream tar, String name, byte[] bytes)
      throws IOException {
    TarArchiveEntry entry = new TarArchiveEntry(name);
    entry.setSize(bytes.length);
    tar.putArchiveEntry(entry);
    tar.write(bytes);
    tar.closeArchiveEntry();
  }

  /** A run of train-tokenizer on {@link #train}: 32 codes, 6 steps. */
  Path tokenizer() throws IOException {
    return shared.get("tokenizer", path -> run(TrainTokenizer.COMMAND, trainTokenizer(path)));
  }

  /** A run of train-tokenizer that differs from {@link #tokenizer}: 32 codes, one step. */
  Path otherTokenizer() throws IOException {
    return shared.get(
        "other-tokenizer", path -> run(TrainTokenizer.COMMAND, trainTokenizer(path, "--steps=1")));
  }

  /** The arguments of a run like {@link #tokenizer}. */
  List<String> trainTokenizer(Path output) throws IOException {
    return trainTokenizer(output, "--steps=6");
  }

  private List<String> trainTokenizer(Path output, String steps) throws IOException {
    return training(output, "--input=" + train(), "--codebookSize=32", steps);
  }

  /** Two views of each image of {@link #train}, with the codes of {@link #tokenizer}. */
  Path shards() throws IOException {
    return shared.get("shards", path -> run(TokenizeDataset.COMMAND, tokenize(train(), path)));
  }

  /** A run of pretrain on {@link #shards} of 6 steps. */
  Path pretrained() throws IOException {
    return shared.get("pretrain", path -> run(PretrainMim.COMMAND, pretrain(path)));
  }

  /** The evaluation of {@link #pretrained}, together with an untrained backbone. */
  Path evaluation() throws IOException {
    return shared.get(
        "evaluation",
        path ->
            run(
                Evaluate.COMMAND,
                List.of(
                    "--backbone=" + pretrained(),
                    "--train=" + train(),
                    "--validation=" + validation(),
                    "--output=" + path,
                    "--untrained=true")));
  }

  private static void run(Command<?> command, List<String> args) {
    Commands.run(command, args).expect(CommandLine.OK);
  }

  /** The arguments of a short training, by one thread: two test classes run at once. */
  static List<String> training(Path output, String... more) {
    List<String> args =
        new ArrayList<>(
            List.of(
                "--preset=tiny",
                "--batchSize=4",
                "--checkpointEvery=2",
                "--seed=5",
                "--threads=1",
                "--output=" + output));
    args.addAll(List.of(more));
    return args;
  }

  /** The arguments that make {@link #shards} of {@link #train}. */
  List<String> tokenize(Path images, Path output) throws IOException {
    return List.of(
        "--input=" + images,
        "--tokenizer=" + tokenizer(),
        "--output=" + output,
        "--views=2",
        "--seed=3");
  }

  /** The arguments that make {@link #pretrained}. */
  List<String> pretrain(Path output) throws IOException {
    return training(output, "--shards=" + shards(), "--tokenizer=" + tokenizer(), "--epochs=2.1");
  }
}
