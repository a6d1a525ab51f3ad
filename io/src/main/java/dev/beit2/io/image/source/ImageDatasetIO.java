package dev.beit2.io.image.source;

import static java.util.Objects.requireNonNull;

import dev.beit2.io.image.ImageRecord;
import dev.beit2.io.image.RejectedImage;
import dev.beit2.io.image.RejectedImages;
import java.io.IOException;
import java.util.List;
import javax.annotation.Nullable;
import org.apache.beam.sdk.coders.ListCoder;
import org.apache.beam.sdk.metrics.Counter;
import org.apache.beam.sdk.metrics.Metrics;
import org.apache.beam.sdk.transforms.Create;
import org.apache.beam.sdk.transforms.DoFn;
import org.apache.beam.sdk.transforms.Flatten;
import org.apache.beam.sdk.transforms.PTransform;
import org.apache.beam.sdk.transforms.ParDo;
import org.apache.beam.sdk.transforms.Reshuffle;
import org.apache.beam.sdk.transforms.display.DisplayData;
import org.apache.beam.sdk.values.PBegin;
import org.apache.beam.sdk.values.PCollectionList;
import org.apache.beam.sdk.values.PCollectionTuple;
import org.apache.beam.sdk.values.TupleTag;
import org.apache.beam.sdk.values.TupleTagList;

/**
 * Reads the images of an {@link ImageSource} in a pipeline.
 *
 * <pre>{@code
 * PCollectionTuple read = pipeline.apply("Read images", ImageDatasetIO.read(source));
 * PCollection<ImageRecord> images = read.get(ImageDatasetIO.IMAGES);
 * PCollection<RejectedImage> rejected = read.get(ImageDatasetIO.REJECTED);
 * }</pre>
 *
 * <p>The unit of parallelism is a file, a class's tar inside ImageNet's training archive, or a row
 * group of Parquet. Each byte is read once. Image files come in groups, whatever bundles the runner
 * makes: of a group, up to 32 files and 64 MB are read before they are needed. Of an archive a
 * worker holds one image in memory, of Parquet one row group and the next one's bytes. The images
 * of very large archives are redistributed after reading.
 *
 * <p>This transform does not decode images. Broken archives, files that may not be read, images
 * over the size limit and records with a wrong checksum go to {@link #REJECTED}, and reading
 * continues. The pipeline fails with {@link dev.beit2.io.InvalidInputException} if the path does
 * not exist or has another format, and with {@link IOException} if a file cannot be read.
 */
public final class ImageDatasetIO {
  /** The images. */
  public static final TupleTag<ImageRecord> IMAGES = new TupleTag<>("images") {};

  /** Unusable images, and archives that cannot be read to their end. */
  public static final TupleTag<RejectedImage> REJECTED = new TupleTag<>("rejected") {};

  private static final TupleTag<List<SourcePartition>> PARTITIONS = new TupleTag<>("partitions") {};
  private static final TupleTag<ImageRecord> OF_LARGE_PARTITIONS =
      new TupleTag<>("of large partitions") {};

  private ImageDatasetIO() {}

  /** Returns {@link #IMAGES} and {@link #REJECTED}. */
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
              .setCoder(ListCoder.of(SourcePartition.CODER))
              // One worker lists all partitions. Without a reshuffle it would also read them all.
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

    @Override
    public void populateDisplayData(DisplayData.Builder builder) {
      super.populateDisplayData(builder);
      builder
          .add(DisplayData.item("path", source.path()).withLabel("Image Path"))
          .add(DisplayData.item("format", source.format().word()).withLabel("Image Format"))
          .add(
              DisplayData.item("maxImageBytes", source.maxImageBytes())
                  .withLabel("Maximum Encoded Image Size in Bytes"));
    }
  }

  private static final class ListPartitionsFn extends DoFn<String, List<SourcePartition>> {
    private static final long serialVersionUID = 1L;

    private final ImageSource source;
    private final Counter rejectedImages = rejectedImages();

    ListPartitionsFn(ImageSource source) {
      this.source = source;
    }

    @ProcessElement
    public void processElement(MultiOutputReceiver out) throws IOException {
      List<RejectedImage> rejected = source.reader().list(out.get(PARTITIONS)::output);
      rejected.forEach(out.get(REJECTED)::output);
      rejectedImages.inc(rejected.size());
    }
  }

  private static final class ReadPartitionFn extends DoFn<List<SourcePartition>, ImageRecord> {
    private static final long serialVersionUID = 1L;

    private final ImageSource source;
    private final Counter rejectedImages = rejectedImages();
    private final Counter unusableLabels = Metrics.counter(ImageDatasetIO.class, "unusable_labels");
    private transient FormatReader reader;

    ReadPartitionFn(ImageSource source) {
      this.source = source;
    }

    @Setup
    public void setUp() {
      reader = source.reader();
    }

    @ProcessElement
    public void processElement(@Element List<SourcePartition> partitions, MultiOutputReceiver out)
        throws IOException {
      boolean large = partitions.stream().anyMatch(SourcePartition::large);
      OutputReceiver<ImageRecord> images = out.get(large ? OF_LARGE_PARTITIONS : IMAGES);
      reader.scanAll(
          partitions,
          new ImageSink() {
            @Override
            public void image(
                String key, @Nullable Integer label, long offset, int length, byte[] bytes) {
              images.output(new ImageRecord(key, label, bytes));
            }

            @Override
            public void unusableLabel(String found) {
              unusableLabels.inc();
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
