package dev.beit2.io.image;

import static java.util.Objects.requireNonNull;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.beit2.io.store.StoredFile;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import org.apache.beam.sdk.transforms.DoFn;
import org.apache.beam.sdk.transforms.GroupByKey;
import org.apache.beam.sdk.transforms.PTransform;
import org.apache.beam.sdk.transforms.ParDo;
import org.apache.beam.sdk.transforms.WithKeys;
import org.apache.beam.sdk.values.KV;
import org.apache.beam.sdk.values.PCollection;

/**
 * Writes down which images were left out, and why.
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
   * rejected-*.jsonl} under the directory. Where nothing was rejected, nothing is written. The
   * output is the file's path, once it is there.
   */
  public static PTransform<PCollection<RejectedImage>, PCollection<String>> write(
      String directory) {
    return new Write(directory);
  }

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
          .apply("ToJson", ParDo.of(new ToJson()))
          .apply("OneFile", WithKeys.of(NAME))
          .apply("Gather", GroupByKey.create())
          .apply("WriteLines", ParDo.of(new WriteLines(directory)));
    }
  }

  private static final class ToJson extends DoFn<RejectedImage, String> {
    private static final long serialVersionUID = 1L;
    private static final ObjectMapper JSON = new ObjectMapper();

    @ProcessElement
    public void processElement(@Element RejectedImage image, OutputReceiver<String> lines)
        throws JsonProcessingException {
      lines.output(JSON.writeValueAsString(image));
    }
  }

  /** Not Beam's TextIO: it would write a temporary file and copy it where there is no rename. */
  private static final class WriteLines extends DoFn<KV<String, Iterable<String>>, String> {
    private static final long serialVersionUID = 1L;

    private final String directory;

    WriteLines(String directory) {
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
