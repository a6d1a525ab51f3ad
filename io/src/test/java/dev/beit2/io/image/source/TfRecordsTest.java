package dev.beit2.io.image.source;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.protobuf.ByteString;
import dev.beit2.io.InvalidInputException;
import dev.beit2.io.image.ImageRecord;
import dev.beit2.io.image.RejectedImage;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import org.apache.beam.sdk.io.Compression;
import org.apache.beam.sdk.io.TFRecordIO;
import org.apache.beam.sdk.testing.TestPipeline;
import org.apache.beam.sdk.transforms.Create;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;
import org.tensorflow.example.BytesList;
import org.tensorflow.example.Example;
import org.tensorflow.example.Feature;
import org.tensorflow.example.Features;
import org.tensorflow.example.Int64List;

class TfRecordsTest {
  @TempDir Path dir;

  private static byte[] example(int i, String bytes) {
    return Sets.example(i % 2 == 0, "x/" + i + ".jpg", bytes.getBytes(UTF_8), i);
  }

  private static ImageRecord image(String key, Integer label, String bytes) {
    return new ImageRecord(key, label, bytes.getBytes(UTF_8));
  }

  private ImageSource write(byte[]... records) throws IOException {
    Path file = dir.resolve("a.tfrecord");
    Sets.writeTfRecords(file, List.of(records));
    return ImageSource.parse(file.toString(), "auto");
  }

  @ParameterizedTest
  @EnumSource(names = {"UNCOMPRESSED", "GZIP"})
  void readsWhatBeamWrites(Compression compression) {
    List<byte[]> records = new ArrayList<>();
    List<ImageRecord> images = new ArrayList<>();
    for (int i = 0; i < 50; i++) {
      records.add(example(i, "image" + i));
      images.add(image("x/" + i + ".jpg", i, "image" + i));
    }
    TestPipeline pipeline = TestPipeline.create().enableAbandonedNodeEnforcement(false);
    pipeline
        .apply("Records", Create.of(records))
        .apply(
            "Write",
            TFRecordIO.write()
                .to(dir + "/train")
                .withSuffix(".tfrecord")
                .withNumShards(3)
                .withCompression(compression));
    pipeline.run().waitUntilFinish();
    ImageSource source = ImageSource.parse(dir + "/train*", "auto");
    Sets.assertPipelineReads(source, images, List.of());
  }

  @Test
  void namesAndLabelsMayBeMissing() throws IOException {
    Sets.assertRead(
        write(
            Sets.example(true, null, new byte[] {1}, 3),
            Sets.example(false, "", new byte[] {2}, null),
            Sets.example(false, "b.jpg", new byte[] {3}, -1)),
        List.of(
            new ImageRecord("a/000000", 3, new byte[] {1}),
            new ImageRecord("a/000001", null, new byte[] {2}),
            new ImageRecord("a/b.jpg", null, new byte[] {3})),
        List.of());
  }

  @Test
  void keysAreUniqueWhereNamesRepeat() throws IOException {
    for (String file : List.of("a.tfrecord", "b.tfrecord")) {
      byte[] bytes = file.getBytes(UTF_8);
      Sets.writeTfRecords(
          dir.resolve(file),
          List.of(
              Sets.example(true, "x/image.jpg", bytes, 1),
              Sets.example(true, "x/image.jpg", bytes, 1)));
    }
    ImageSource source = ImageSource.parse(dir.toString(), "auto");
    Sets.assertPipelineReads(
        source,
        List.of(
            image("a/000001/x/image.jpg", 1, "a.tfrecord"),
            image("a/x/image.jpg", 1, "a.tfrecord"),
            image("b/000001/x/image.jpg", 1, "b.tfrecord"),
            image("b/x/image.jpg", 1, "b.tfrecord")),
        List.of());
  }

  @Test
  void recordsWithoutAnImageAreRejected() throws IOException {
    ImageSource source =
        write(
            example(0, "a"),
            Sets.example(false, "x/1.jpg", null, 1),
            "no example".getBytes(UTF_8),
            example(3, "damaged"));
    Path file = Path.of(source.path());
    byte[] bytes = Files.readAllBytes(file);
    bytes[bytes.length - 6] ^= 1; // in the last record
    Files.write(file, bytes);
    List<RejectedImage> rejected =
        List.of(
            new RejectedImage(
                "a/000001",
                "a TFRecord without image/encoded or image: [image/filename, image/class/label]"),
            new RejectedImage("a/000002", "a TFRecord that is no tensorflow.Example"),
            new RejectedImage("a/000003", "a TFRecord that its checksum does not fit"));
    Sets.assertPipelineReads(source, List.of(image("x/0.jpg", 0, "a")), rejected);
    // Training notices them when it reads them; they leave gaps.
    ImageDataset dataset = ImageDataset.open(source);
    assertEquals(List.of(), dataset.rejected());
    assertEquals(
        List.of("a/000001=0", "a/000002=0", "a/000003=0", "x/0.jpg=1"),
        Sets.inOrder(dataset, 1, 0).stream()
            .map(image -> image.key() + "=" + image.bytes().length)
            .sorted()
            .toList());
    assertEquals(rejected, dataset.rejected());
  }

  /** Wherever a file is truncated: the images before are read, and the rest is reported. */
  @Test
  void imagesBeforeATruncationAreRead() throws IOException {
    ImageSource source = write(example(0, "a"), example(1, "b"));
    byte[] whole = Files.readAllBytes(Path.of(source.path()));
    int second = example(0, "a").length + 16;
    for (int length = 1; length < whole.length; length++) {
      Files.write(Path.of(source.path()), Arrays.copyOf(whole, length));
      Sets.Scanned found = Sets.scan(source);
      assertEquals(length < second ? 0 : 1, found.images().size(), "at " + length);
      List<RejectedImage> expected =
          length == second
              ? List.of() // which is a file that ends, as far as one can tell
              : List.of(
                  new RejectedImage(
                      "a.tfrecord",
                      "at byte " + (length < second ? 0 : second) + ": truncated in a TFRecord"));
      assertEquals(expected, found.rejected(), "at " + length);
    }
    byte[] damaged = whole.clone();
    damaged[second + 3] ^= 1; // a length
    Files.write(Path.of(source.path()), damaged);
    assertEquals(
        List.of(new RejectedImage("a.tfrecord", "at byte " + second + ": not a TFRecord")),
        Sets.scan(source).rejected());
  }

  @Test
  void gzipIsForPipelinesOnly() throws IOException {
    byte[] gzip;
    try (var bytes = new java.io.ByteArrayOutputStream()) {
      try (var out = new java.util.zip.GZIPOutputStream(bytes)) {
        out.write(Files.readAllBytes(Path.of(write(example(0, "a"), example(1, "b")).path())));
      }
      gzip = bytes.toByteArray();
    }
    ImageSource source = ImageSource.parse(Sets.write(dir, "b.tfrecord.gz", gzip), "auto");
    assertEquals(2, Sets.scan(source).images().size());
    InvalidInputException error =
        assertThrows(InvalidInputException.class, () -> ImageDataset.open(source));
    assertTrue(error.found().endsWith("b.tfrecord.gz in gzip, which has no random access"));
    Sets.write(dir, "b.tfrecord.gz", Arrays.copyOf(gzip, gzip.length - 20));
    Sets.Scanned cut = Sets.scan(source);
    assertEquals(1, cut.rejected().size());
    assertTrue(cut.rejected().get(0).reason().contains("broken gzip"));
    gzip[2] = 9; // no compression that there is
    Sets.write(dir, "b.tfrecord.gz", gzip);
    Sets.Scanned odd = Sets.scan(source);
    assertEquals(List.of(), odd.images());
    assertTrue(odd.rejected().get(0).reason().startsWith("at byte 0: broken gzip"));
  }

  @Test
  void labelsThatAreNoClassNumbersAreTold() throws IOException {
    Path file = dir.resolve("a.tfrecord");
    Sets.writeTfRecords(
        file,
        List.of(
            labelled(Feature.newBuilder().setBytesList(bytes("cat"))),
            labelled(Feature.newBuilder().setInt64List(Int64List.newBuilder().addValue(1))),
            labelled(Feature.newBuilder().setInt64List(Int64List.newBuilder().addValue(-1))),
            labelled(
                Feature.newBuilder().setInt64List(Int64List.newBuilder().addValue(1).addValue(2))),
            labelled(Feature.newBuilder())));
    ImageSource source = ImageSource.parse(file.toString(), "tfrecord");
    assertEquals(
        "a/000000 has the label cat, which is no class number (an integer from 0); such images have no label",
        source.summary().note());
    assertEquals(List.of("cat", "int64_list { value: 1 value: 2 }"), Sets.unusableLabels(source));
  }

  private static byte[] labelled(Feature.Builder label) {
    Features.Builder features =
        Features.newBuilder()
            .putFeature("image", Feature.newBuilder().setBytesList(bytes("jpeg")).build())
            .putFeature("label", label.build());
    return Example.newBuilder().setFeatures(features).build().toByteArray();
  }

  private static BytesList.Builder bytes(String text) {
    return BytesList.newBuilder().addValue(ByteString.copyFromUtf8(text));
  }
}
