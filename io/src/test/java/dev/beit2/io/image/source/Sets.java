package dev.beit2.io.image.source;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;

import com.google.protobuf.ByteString;
import dev.beit2.io.image.ImageRecord;
import dev.beit2.io.image.RejectedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.channels.Channels;
import java.nio.channels.WritableByteChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Map;
import java.util.zip.GZIPOutputStream;
import org.apache.beam.sdk.io.FileIO;
import org.apache.beam.sdk.io.TFRecordIO;
import org.apache.beam.sdk.testing.PAssert;
import org.apache.beam.sdk.testing.TestPipeline;
import org.apache.beam.sdk.values.PCollectionTuple;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveOutputStream;
import org.apache.parquet.conf.PlainParquetConfiguration;
import org.apache.parquet.example.data.Group;
import org.apache.parquet.example.data.simple.SimpleGroup;
import org.apache.parquet.hadoop.ParquetWriter;
import org.apache.parquet.hadoop.example.ExampleParquetWriter;
import org.apache.parquet.hadoop.metadata.CompressionCodecName;
import org.apache.parquet.io.LocalOutputFile;
import org.apache.parquet.io.api.Binary;
import org.apache.parquet.schema.MessageType;
import org.apache.parquet.schema.MessageTypeParser;
import org.tensorflow.example.BytesList;
import org.tensorflow.example.Example;
import org.tensorflow.example.Feature;
import org.tensorflow.example.Int64List;
import us.hebi.matlab.mat.format.Mat5;
import us.hebi.matlab.mat.types.Struct;

/** Small sets of photographs in every format, and what readers should find in them. */
final class Sets {
  static final List<String> WNIDS = List.of("n01440764", "n01443537", "n09246464");

  private static final List<String> PHOTOGRAPHS =
      List.of("cat.jpg", "444.jpg", "grey.jpg", "progressive.jpg");

  static final MessageType HUGGING_FACE =
      MessageTypeParser.parseMessageType(
          "message schema { optional group image { optional binary bytes; optional binary path (STRING); }"
              + " optional int64 label; optional binary unread; }");

  private Sets() {}

  /** Three classes of four photographs, by key. */
  static List<ImageRecord> photographs() throws IOException {
    List<ImageRecord> images = new ArrayList<>();
    for (int label = 0; label < WNIDS.size(); label++) {
      for (int i = 0; i < PHOTOGRAPHS.size(); i++) {
        String wnid = WNIDS.get(label);
        String key = "%s/%s_%d.JPEG".formatted(wnid, wnid, 7 * i + 3);
        try (InputStream in = Sets.class.getResourceAsStream("/images/" + PHOTOGRAPHS.get(i))) {
          ByteArrayOutputStream bytes = new ByteArrayOutputStream();
          in.transferTo(bytes);
          bytes.writeBytes(key.getBytes(UTF_8)); // so that no two are the same
          images.add(new ImageRecord(key, label, bytes.toByteArray()));
        }
      }
    }
    images.sort(Comparator.comparing(ImageRecord::key));
    return images;
  }

  static String name(ImageRecord image) {
    return image.key().substring(image.key().lastIndexOf('/') + 1);
  }

  static String folder(Path dir, List<ImageRecord> images) throws IOException {
    for (ImageRecord image : images) {
      Path file = dir.resolve(image.key());
      Files.createDirectories(file.getParent());
      Files.write(file, image.bytes());
    }
    return dir.toString();
  }

  /** A file to be written into a tar. */
  interface TarContent {
    void writeTo(Tar tar) throws IOException;
  }

  /** Writes tars with GNU's long names. */
  static final class Tar {
    private final TarArchiveOutputStream out;

    private Tar(TarArchiveOutputStream out) {
      this.out = out;
      out.setLongFileMode(TarArchiveOutputStream.LONGFILE_GNU);
    }

    void usePax() {
      out.setLongFileMode(TarArchiveOutputStream.LONGFILE_POSIX);
      out.setAddPaxHeadersForNonAsciiNames(true);
    }

    void add(String name, byte[] content) throws IOException {
      TarArchiveEntry entry = new TarArchiveEntry(name);
      entry.setSize(content.length);
      out.putArchiveEntry(entry);
      out.write(content);
      out.closeArchiveEntry();
    }

    void add(String name, String content) throws IOException {
      add(name, content.getBytes(UTF_8));
    }

    void addLink(String name, String to) throws IOException {
      TarArchiveEntry entry = new TarArchiveEntry(name, TarArchiveEntry.LF_SYMLINK);
      entry.setLinkName(to);
      out.putArchiveEntry(entry);
      out.closeArchiveEntry();
    }

    void addFolder(String name) throws IOException {
      out.putArchiveEntry(new TarArchiveEntry(name + "/"));
      out.closeArchiveEntry();
    }
  }

  static byte[] tar(TarContent content) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (TarArchiveOutputStream out = new TarArchiveOutputStream(bytes, "UTF-8")) {
      content.writeTo(new Tar(out));
    }
    return bytes.toByteArray();
  }

  static String imageNetTrain(Path dir, List<ImageRecord> images) throws IOException {
    byte[] outer =
        tar(
            tar -> {
              for (String wnid : List.of(WNIDS.get(2), WNIDS.get(0), WNIDS.get(1))) {
                tar.add(wnid + ".tar", classTar(wnid, images));
              }
            });
    return write(dir, "ILSVRC2012_img_train.tar", outer);
  }

  static byte[] classTar(String wnid, List<ImageRecord> images) throws IOException {
    return tar(
        tar -> {
          for (ImageRecord image : images) {
            if (image.key().startsWith(wnid + "/")) {
              tar.add(name(image), image.bytes());
            }
          }
        });
  }

  /** Two tars; labels are in cls or json. */
  static String webDataset(Path dir, List<ImageRecord> images) throws IOException {
    for (int partition = 0; partition < 2; partition++) {
      int first = partition * images.size() / 2;
      byte[] tar =
          tar(
              out -> {
                out.add("__info__.json", "{}");
                for (ImageRecord image : images.subList(first, first + images.size() / 2)) {
                  String base = name(image).replace(".JPEG", "");
                  boolean json = image.key().hashCode() % 2 == 0;
                  out.add(base + ".jpg", image.bytes());
                  out.add(
                      base + (json ? ".json" : ".cls"),
                      json ? "{\"label\": " + image.label() + "}" : image.label() + "\n");
                  out.add(base + ".seg.png", "no image of ours");
                }
              });
      write(dir, "train-00000%d.tar".formatted(partition), tar);
    }
    return dir + "/train-{000000..000001}.tar";
  }

  /** Two files as Hugging Face has them, with its names and ImageNet's classes. */
  static String parquet(Path dir, List<ImageRecord> images) throws IOException {
    for (int partition = 0; partition < 2; partition++) {
      int first = partition * images.size() / 2;
      List<Group> rows = new ArrayList<>();
      for (ImageRecord image : images.subList(first, first + images.size() / 2)) {
        String name = name(image).replace(".JPEG", "");
        String wnid = image.key().substring(0, 9);
        rows.add(row(name + "_" + wnid + ".JPEG", image.bytes(), image.label()));
      }
      writeParquet(dir.resolve("train-0000%d-of-00002.parquet".formatted(partition)), rows, 2);
    }
    return dir.toString();
  }

  static Group row(String path, byte[] bytes, Integer label) {
    Group row = new SimpleGroup(HUGGING_FACE);
    Group image = row.addGroup("image");
    if (bytes != null) {
      image.add("bytes", Binary.fromConstantByteArray(bytes));
    }
    if (path != null) {
      image.add("path", path);
    }
    if (label != null) {
      row.add("label", (long) label);
    }
    row.add("unread", "x".repeat(1000));
    return row;
  }

  static void writeParquet(Path file, List<Group> rows, int rowsOfAGroup) throws IOException {
    Files.createDirectories(file.getParent());
    String names = String.join("\",\"", WNIDS);
    String features =
        "{\"info\":{\"features\":{\"image\":{\"_type\":\"Image\"},\"label\":{\"names\":[\""
            + names
            + "\"],\"_type\":\"ClassLabel\"}}}}";
    try (ParquetWriter<Group> writer =
        ExampleParquetWriter.builder(new LocalOutputFile(file))
            .withConf(new PlainParquetConfiguration())
            .withType(HUGGING_FACE)
            .withExtraMetaData(Map.of("huggingface", features))
            .withCompressionCodec(CompressionCodecName.SNAPPY)
            .withRowGroupRowCountLimit(rowsOfAGroup)
            .withPageWriteChecksumEnabled(true)
            .build()) {
      for (Group row : rows) {
        writer.write(row);
      }
    }
  }

  /** Two files, one with TensorFlow's names and one with those of TFDS. */
  static String tfRecords(Path dir, List<ImageRecord> images) throws IOException {
    for (int partition = 0; partition < 2; partition++) {
      int first = partition * images.size() / 2;
      boolean tfds = partition == 1;
      List<byte[]> records = new ArrayList<>();
      for (ImageRecord image : images.subList(first, first + images.size() / 2)) {
        records.add(example(tfds, name(image), image.bytes(), image.label()));
      }
      writeTfRecords(
          dir.resolve("imagenet-train.tfrecord-0000%d-of-00002".formatted(partition)), records);
    }
    return dir.toString();
  }

  static byte[] example(boolean tfds, String name, byte[] image, Integer label) {
    Example.Builder example = Example.newBuilder();
    if (image != null) {
      example.getFeaturesBuilder().putFeature(tfds ? "image" : "image/encoded", feature(image));
    }
    if (name != null) {
      example
          .getFeaturesBuilder()
          .putFeature(tfds ? "file_name" : "image/filename", feature(name.getBytes(UTF_8)));
    }
    if (label != null) {
      Int64List number = Int64List.newBuilder().addValue(label).build();
      example
          .getFeaturesBuilder()
          .putFeature(
              tfds ? "label" : "image/class/label",
              Feature.newBuilder().setInt64List(number).build());
    }
    return example.build().toByteArray();
  }

  private static Feature feature(byte[] bytes) {
    BytesList list = BytesList.newBuilder().addValue(ByteString.copyFrom(bytes)).build();
    return Feature.newBuilder().setBytesList(list).build();
  }

  /** By Beam's own writer. */
  static void writeTfRecords(Path file, List<byte[]> records) throws IOException {
    Files.createDirectories(file.getParent());
    FileIO.Sink<byte[]> sink = TFRecordIO.sink();
    try (WritableByteChannel channel = Channels.newChannel(Files.newOutputStream(file))) {
      sink.open(channel);
      for (byte[] record : records) {
        sink.write(record);
      }
      sink.flush();
    }
  }

  /** The validation archive of photographs without their classes; image 1 is the first. */
  static String imageNetValidation(Path dir, List<ImageRecord> images) throws IOException {
    byte[] tar =
        tar(
            out -> {
              for (int i = 0; i < images.size(); i++) {
                out.add("ILSVRC2012_val_%08d.JPEG".formatted(i + 1), images.get(i).bytes());
              }
            });
    return write(dir, "ILSVRC2012_img_val.tar", tar);
  }

  /** A devkit whose ILSVRC2012_IDs are in another order than the wnids. */
  static void devkit(Path dir, List<ImageRecord> images, boolean packed) throws IOException {
    List<Integer> idByLabel = List.of(3, 1, 2);
    StringBuilder groundTruth = new StringBuilder();
    for (ImageRecord image : images) {
      groundTruth.append(idByLabel.get(image.label())).append('\n');
    }
    Struct synsets = Mat5.newStruct(4, 1);
    for (int i = 0; i < 4; i++) {
      boolean leaf = i < 3;
      int label = idByLabel.indexOf(i + 1);
      synsets
          .set("ILSVRC2012_ID", i, Mat5.newScalar(i + 1))
          .set("WNID", i, Mat5.newString(leaf ? WNIDS.get(label) : "n00001740"))
          .set("num_children", i, Mat5.newScalar(leaf ? 0 : 3));
    }
    Path meta = dir.resolve("meta.mat");
    Mat5.writeToFile(Mat5.newMatFile().addArray("synsets", synsets), meta.toFile());
    byte[] mat = Files.readAllBytes(meta);
    Files.delete(meta);
    String data = "ILSVRC2012_devkit_t12/data/";
    String text = "ILSVRC2012_validation_ground_truth.txt";
    if (packed) {
      byte[] tar =
          tar(
              out -> {
                out.add(data + "meta.mat", mat);
                out.add(data + text, groundTruth.toString());
              });
      ByteArrayOutputStream gzip = new ByteArrayOutputStream();
      try (GZIPOutputStream out = new GZIPOutputStream(gzip)) {
        out.write(tar);
      }
      write(dir, "ILSVRC2012_devkit_t12.tar.gz", gzip.toByteArray());
    } else {
      write(dir.resolve(data), "meta.mat", mat);
      write(dir.resolve(data), text, groundTruth.toString().getBytes(UTF_8));
    }
  }

  static String write(Path dir, String name, byte[] bytes) throws IOException {
    Files.createDirectories(dir);
    return Files.write(dir.resolve(name), bytes).toString();
  }

  /** Fails unless a pipeline finds exactly these, and training the same images. */
  static void assertRead(ImageSource source, List<ImageRecord> images, List<RejectedImage> rejected)
      throws IOException {
    assertPipelineReads(source, images, rejected);
    ImageDataset dataset = ImageDataset.open(source);
    List<ImageRecord> read = new ArrayList<>(inOrder(dataset, 1, 0));
    read.sort(Comparator.comparing(ImageRecord::key));
    List<ImageRecord> expected = new ArrayList<>(images);
    expected.sort(Comparator.comparing(ImageRecord::key));
    assertEquals(expected, read);
    assertEquals(
        rejected.stream().sorted(Comparator.comparing(RejectedImage::key)).toList(),
        dataset.rejected());
  }

  static void assertPipelineReads(
      ImageSource source, List<ImageRecord> images, List<RejectedImage> rejected) {
    TestPipeline pipeline = TestPipeline.create().enableAbandonedNodeEnforcement(false);
    PCollectionTuple read = pipeline.apply("Read", ImageDatasetIO.read(source));
    PAssert.that(read.get(ImageDatasetIO.IMAGES)).containsInAnyOrder(images);
    PAssert.that(read.get(ImageDatasetIO.REJECTED)).containsInAnyOrder(rejected);
    pipeline.run().waitUntilFinish();
  }

  /** The stored labels of a set that are no class numbers. */
  static List<String> unusableLabels(ImageSource source) throws IOException {
    List<String> labels = new ArrayList<>();
    FormatReader reader = source.reader();
    for (SourcePartition partition : reader.list().partitions()) {
      reader.scan(
          partition,
          /* withBytes= */ true,
          new ImageSink() {
            @Override
            public void image(String key, Integer label, long offset, int length, byte[] bytes) {
              // Others look at these.
            }

            @Override
            public void unusableLabel(String found) {
              labels.add(found);
            }

            @Override
            public void rejected(RejectedImage image) {
              // Others look at these.
            }
          });
    }
    return labels;
  }

  static List<ImageRecord> inOrder(ImageDataset images, long seed, long epoch) throws IOException {
    ImageDataset.Epoch order = images.epoch(seed, epoch);
    List<ImageRecord> read = new ArrayList<>();
    for (long i = 0; i < images.size(); i++) {
      read.add(order.read(i));
    }
    return read;
  }

  /** What a scan finds; images are sorted by key. */
  record Scanned(List<ImageRecord> images, List<RejectedImage> rejected) {}

  /** Reads a set partition by partition, without a pipeline. */
  static Scanned scan(ImageSource source) throws IOException {
    List<ImageRecord> images = new ArrayList<>();
    FormatReader reader = source.reader();
    List<SourcePartition> partitions = new ArrayList<>();
    List<RejectedImage> rejected = new ArrayList<>(reader.list(partitions::addAll));
    ImageSink found =
        new ImageSink() {
          @Override
          public void image(String key, Integer label, long offset, int length, byte[] bytes) {
            images.add(new ImageRecord(key, label, bytes));
          }

          @Override
          public void rejected(RejectedImage image) {
            rejected.add(image);
          }
        };
    for (SourcePartition partition : partitions) {
      reader.scan(partition, true, found);
    }
    images.sort(Comparator.comparing(ImageRecord::key));
    return new Scanned(images, rejected);
  }
}
