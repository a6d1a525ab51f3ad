package dev.beit2.io.image;

import static java.util.Objects.requireNonNull;

import java.io.IOException;
import org.apache.beam.sdk.transforms.Create;
import org.apache.beam.sdk.transforms.DoFn;
import org.apache.beam.sdk.transforms.PTransform;
import org.apache.beam.sdk.transforms.ParDo;
import org.apache.beam.sdk.transforms.Reshuffle;
import org.apache.beam.sdk.values.PBegin;
import org.apache.beam.sdk.values.PCollection;

/**
 * Sources of images.
 *
 * <pre>{@code
 * PCollection<ImageRecord> images =
 *     pipeline.apply("ReadImages", ImageDatasetIO.readFolder("gs://bucket/imagenet/train"));
 * }</pre>
 */
public final class ImageDatasetIO {
  private ImageDatasetIO() {}

  /**
   * Reads the images of {@link ImageFolder#list}, with its keys and labels.
   *
   * <p>Where the folder is missing or holds no image, the pipeline fails with {@link
   * dev.beit2.io.InvalidInputException}; a file that cannot be read fails it with the {@link
   * IOException}. Bytes are not looked at: they may be no image.
   */
  public static PTransform<PBegin, PCollection<ImageRecord>> readFolder(String pathOrGlob) {
    return new ReadFolder(pathOrGlob);
  }

  private static final class ReadFolder extends PTransform<PBegin, PCollection<ImageRecord>> {
    private static final long serialVersionUID = 1L;

    private final String pathOrGlob;

    ReadFolder(String pathOrGlob) {
      this.pathOrGlob = requireNonNull(pathOrGlob, "pathOrGlob is null");
    }

    @Override
    public PCollection<ImageRecord> expand(PBegin begin) {
      return begin
          .apply("Folder", Create.of(pathOrGlob))
          .apply("List", ParDo.of(new ListImages()))
          .setCoder(new ImageEntryCoder())
          // All names come from one element; without this all reads would stay on its worker.
          .apply("Spread", Reshuffle.viaRandomKey())
          .apply("Read", ParDo.of(new ReadImage()));
    }
  }

  private static final class ListImages extends DoFn<String, ImageFolder.Entry> {
    private static final long serialVersionUID = 1L;

    @ProcessElement
    public void processElement(
        @Element String pathOrGlob, OutputReceiver<ImageFolder.Entry> entries) {
      ImageFolder.list(pathOrGlob).entries().forEach(entries::output);
    }
  }

  private static final class ReadImage extends DoFn<ImageFolder.Entry, ImageRecord> {
    private static final long serialVersionUID = 1L;

    @ProcessElement
    public void processElement(@Element ImageFolder.Entry entry, OutputReceiver<ImageRecord> images)
        throws IOException {
      byte[] bytes = ImageFolder.read(entry.path());
      images.output(new ImageRecord(entry.key(), entry.label(), bytes));
    }
  }
}
