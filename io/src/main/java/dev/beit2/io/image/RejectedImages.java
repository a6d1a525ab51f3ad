package dev.beit2.io.image;

import static java.util.Objects.requireNonNull;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import org.apache.beam.sdk.io.FileSystems;
import org.apache.beam.sdk.io.TextIO;
import org.apache.beam.sdk.io.fs.ResolveOptions.StandardResolveOptions;
import org.apache.beam.sdk.io.fs.ResourceId;
import org.apache.beam.sdk.transforms.DoFn;
import org.apache.beam.sdk.transforms.PTransform;
import org.apache.beam.sdk.transforms.ParDo;
import org.apache.beam.sdk.transforms.Values;
import org.apache.beam.sdk.values.PCollection;

/**
 * Writes down which images were left out, and why.
 *
 * <pre>{@code
 * rejected.apply("WriteRejected", RejectedImages.write(output + "/rejected"));
 * }</pre>
 */
public final class RejectedImages {
  private static final String NAME = "rejected";

  private RejectedImages() {}

  /**
   * Writes JSON lines, <code>{"key": …, "reason": …}</code>, to {@code rejected-*.jsonl} under the
   * directory. Where nothing was rejected, nothing is written. The output is the files, once they
   * are there.
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
      ResourceId prefix =
          FileSystems.matchNewResource(directory, true)
              .resolve(NAME, StandardResolveOptions.RESOLVE_FILE);
      return rejected
          .apply("ToJson", ParDo.of(new ToJson()))
          .apply(
              "WriteLines",
              TextIO.write()
                  .to(prefix)
                  .withSuffix(".jsonl")
                  .withNumShards(1) // rejects are few and their lines short
                  .withOutputFilenames()
                  .skipIfEmpty())
          .getPerDestinationOutputFilenames()
          .apply("Files", Values.create());
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
}
