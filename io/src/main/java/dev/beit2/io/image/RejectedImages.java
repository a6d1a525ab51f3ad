package dev.beit2.io.image;

import static java.util.Objects.requireNonNull;

import dev.beit2.io.Json;
import dev.beit2.io.store.StoredFile;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import org.apache.beam.sdk.transforms.DoFn;
import org.apache.beam.sdk.transforms.GroupByKey;
import org.apache.beam.sdk.transforms.PTransform;
import org.apache.beam.sdk.transforms.ParDo;
import org.apache.beam.sdk.transforms.WithKeys;
import org.apache.beam.sdk.transforms.display.DisplayData;
import org.apache.beam.sdk.values.KV;
import org.apache.beam.sdk.values.PCollection;

/**
 * Writes a list of the images that were rejected, each with the reason.
 *
 * <pre>{@code
 * rejected.apply("WriteRejected", RejectedImages.write(output + "/rejected"));
 * }</pre>
 */
public final class RejectedImages {
  /** Name of the Beam counters that count rejected images. */
  public static final String COUNTER = "rejected_images";

  private static final String NAME = "rejected";
  private static final String FILE = "rejected-00000-of-00001.jsonl";

  private RejectedImages() {}

  /**
   * Writes JSON lines, <code>{"key": …, "reason": …}</code>, sorted, to one file {@code
   * rejected-*.jsonl} in the directory. Writes no file if nothing was rejected. The output is the
   * path of the written file.
   */
  public static PTransform<PCollection<RejectedImage>, PCollection<String>> write(
      String directory) {
    return new Write(directory);
  }

  /**
   * The file of {@link #write} in a directory, and the number of its lines; nothing if there is no
   * such file.
   */
  public static Optional<Written> written(String directory) throws IOException {
    StoredFile file = StoredFile.in(directory, FILE);
    return file.exists()
        ? Optional.of(new Written(file.path(), file.readText().lines().count()))
        : Optional.empty();
  }

  /** Writes one list of what the lists in some directories hold, as {@link #write} does. */
  public static void gather(List<String> directories, String to) throws IOException {
    List<String> lines = new ArrayList<>();
    for (String directory : directories) {
      StoredFile file = StoredFile.in(directory, FILE);
      if (file.exists()) {
        file.readText().lines().forEach(lines::add);
      }
    }
    if (!lines.isEmpty()) {
      Collections.sort(lines);
      StoredFile.in(to, FILE).write(String.join("\n", lines) + "\n");
    }
  }

  /**
   * A written list.
   *
   * @param path of the file
   * @param count of the rejected images, files and folders
   */
  public record Written(String path, long count) {}

  private static final class Write
      extends PTransform<PCollection<RejectedImage>, PCollection<String>> {
    private static final long serialVersionUID = 1L;

    private final String directory;

    Write(String directory) {
      this.directory = requireNonNull(directory, "directory is null");
    }

    @Override
    public PCollection<String> expand(PCollection<RejectedImage> rejected) {
      return rejected
          .apply("ToJson", ParDo.of(new ToJsonFn()))
          .apply("OneFile", WithKeys.of(NAME))
          .apply("Gather", GroupByKey.create())
          .apply("WriteLines", ParDo.of(new WriteLinesFn(directory)));
    }

    @Override
    public void populateDisplayData(DisplayData.Builder builder) {
      super.populateDisplayData(builder);
      builder.add(DisplayData.item("directory", directory).withLabel("Output Folder"));
    }
  }

  private static final class ToJsonFn extends DoFn<RejectedImage, String> {
    private static final long serialVersionUID = 1L;

    @ProcessElement
    public void processElement(@Element RejectedImage image, OutputReceiver<String> lines) {
      lines.output(Json.line(image));
    }
  }

  /** Beam's TextIO would write a temporary file, and copy it on file systems without rename. */
  private static final class WriteLinesFn extends DoFn<KV<String, Iterable<String>>, String> {
    private static final long serialVersionUID = 1L;

    private final String directory;

    WriteLinesFn(String directory) {
      this.directory = directory;
    }

    @ProcessElement
    public void processElement(
        @Element KV<String, Iterable<String>> lines, OutputReceiver<String> written)
        throws IOException {
      List<String> sorted = new ArrayList<>(); // rejects are few and their lines short
      lines.getValue().forEach(sorted::add);
      Collections.sort(sorted);
      StoredFile file = StoredFile.in(directory, FILE);
      file.write(String.join("\n", sorted) + "\n");
      written.output(file.path());
    }
  }
}
