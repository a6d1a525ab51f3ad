package dev.beit2.io.image.source;

import static java.util.Objects.requireNonNull;

import dev.beit2.io.image.ImageRecord;
import dev.beit2.io.image.RejectedImage;
import dev.beit2.io.image.RejectedImages;
import java.io.IOException;
import javax.annotation.Nullable;
import org.apache.beam.sdk.metrics.Counter;
import org.apache.beam.sdk.metrics.Metrics;
import org.apache.beam.sdk.transforms.Create;
import org.apache.beam.sdk.transforms.DoFn;
import org.apache.beam.sdk.transforms.Flatten;
import org.apache.beam.sdk.transforms.PTransform;
import org.apache.beam.sdk.transforms.ParDo;
import org.apache.beam.sdk.transforms.Reshuffle;
import org.apache.beam.sdk.values.PBegin;
import org.apache.beam.sdk.values.PCollectionList;
import org.apache.beam.sdk.values.PCollectionTuple;
import org.apache.beam.sdk.values.TupleTag;
import org.apache.beam.sdk.values.TupleTagList;

/**
 * Sources of images, see {@link ImageSource}.
 *
 * <pre>{@code
 * PCollectionTuple read = pipeline.apply("Read images", ImageDatasetIO.read(source));
 * PCollection<ImageRecord> images = read.get(ImageDatasetIO.IMAGES);
 * PCollection<RejectedImage> rejected = read.get(ImageDatasetIO.REJECTED);
 * }</pre>
 *
 * <p>Files are spread over the workers, of ImageNet's training archive the tars of the classes, of
 * Parquet the row groups; each byte is read once, and a worker holds one image in memory (of
 * Parquet a row group). Of archives so large that a worker alone would have most of the images,
 * they are spread after reading.
 *
 * <p>Bytes are not looked at: they may be no image. An archive that breaks off, an image over the
 * limit, a record whose checksum is wrong: each is rejected by name, and the rest is read. Where
 * nothing is there, or it is of another format, the pipeline fails with {@link
 * dev.beit2.io.InvalidInputException}; a file that cannot be read fails it with the {@link
 * IOException}.
 */
public final class ImageDatasetIO {
  /** The images. */
  public static final TupleTag<ImageRecord> IMAGES = new TupleTag<>("images") {};

  /** What cannot be used, and the rest of what breaks off. */
  public static final TupleTag<RejectedImage> REJECTED = new TupleTag<>("rejected") {};

  private static final TupleTag<SourcePartition> PARTITIONS = new TupleTag<>("partitions") {};
  private static final TupleTag<ImageRecord> OF_LARGE_PARTITIONS =
      new TupleTag<>("of large partitions") {};

  private ImageDatasetIO() {}

  /** Reads a set: {@link #IMAGES} and {@link #REJECTED}. */
  public static PTransform<PBegin, PCollectionTuple> read(ImageSource source) {
    return new Read(source);
  }

  private static final class Read extends PTransform<PBegin, PCollectionTuple> {
    private static final long serialVersionUID = 1L;

    private final ImageSource source;

    Read(ImageSource source) {
      this.source = requireNonNull(source, "source is null");
    }

    @Override
    public PCollectionTuple expand(PBegin begin) {
      PCollectionTuple listed =
          begin
              .apply("Source", Create.of(source.path()))
              .apply(
                  "List",
                  ParDo.of(new ListPartitionsFn(source))
                      .withOutputTags(PARTITIONS, TupleTagList.of(REJECTED)));
      PCollectionTuple read =
          listed
              .get(PARTITIONS)
              .setCoder(new SourcePartitionCoder())
              // All partitions come from one element; without this all would be read by its worker.
              .apply("Spread", Reshuffle.viaRandomKey())
              .apply(
                  "Read",
                  ParDo.of(new ReadPartitionFn(source))
                      .withOutputTags(IMAGES, TupleTagList.of(OF_LARGE_PARTITIONS).and(REJECTED)));
      return PCollectionTuple.of(
              IMAGES,
              PCollectionList.of(read.get(IMAGES))
                  .and(
                      read.get(OF_LARGE_PARTITIONS)
                          .apply("Spread images of large partitions", Reshuffle.viaRandomKey()))
                  .apply("All images", Flatten.pCollections()))
          .and(
              REJECTED,
              PCollectionList.of(listed.get(REJECTED))
                  .and(read.get(REJECTED))
                  .apply("All rejected", Flatten.pCollections()));
    }
  }

  private static final class ListPartitionsFn extends DoFn<String, SourcePartition> {
    private static final long serialVersionUID = 1L;

    private final ImageSource source;
    private final Counter rejectedImages = rejectedImages();

    ListPartitionsFn(ImageSource source) {
      this.source = source;
    }

    @ProcessElement
    public void processElement(MultiOutputReceiver out) throws IOException {
      FormatReader.Listing listing = source.reader().list();
      listing.partitions().forEach(out.get(PARTITIONS)::output);
      listing.rejected().forEach(out.get(REJECTED)::output);
      rejectedImages.inc(listing.rejected().size());
    }
  }

  private static final class ReadPartitionFn extends DoFn<SourcePartition, ImageRecord> {
    private static final long serialVersionUID = 1L;

    private final ImageSource source;
    private final Counter rejectedImages = rejectedImages();
    private transient FormatReader reader;

    ReadPartitionFn(ImageSource source) {
      this.source = source;
    }

    @Setup
    public void setUp() {
      reader = source.reader();
    }

    @ProcessElement
    public void processElement(@Element SourcePartition partition, MultiOutputReceiver out)
        throws IOException {
      OutputReceiver<ImageRecord> images =
          out.get(partition.large() ? OF_LARGE_PARTITIONS : IMAGES);
      reader.scan(
          partition,
          /* withBytes= */ true,
          new ImageSink() {
            @Override
            public void image(
                String key, @Nullable Integer label, long offset, int length, byte[] bytes) {
              images.output(new ImageRecord(key, label, bytes));
            }

            @Override
            public void rejected(RejectedImage rejected) {
              out.get(REJECTED).output(rejected);
              rejectedImages.inc();
            }
          });
    }
  }

  private static Counter rejectedImages() {
    return Metrics.counter(ImageDatasetIO.class, RejectedImages.COUNTER);
  }
}
