package dev.beit2.io.image.source;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.beit2.io.image.ImageRecord;
import dev.beit2.io.image.RejectedImage;
import dev.beit2.io.image.source.ImageSource.Format;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/** The same photographs are found in every format, with the same keys and labels. */
class FormatReadersTest {
  private interface Writer {
    String write(Path dir, List<ImageRecord> images) throws IOException;
  }

  private static final Map<Format, Writer> WRITERS =
      Map.of(
          Format.FOLDER, Sets::folder,
          Format.IMAGENET, Sets::imageNetTrain,
          Format.WEBDATASET, Sets::webDataset,
          Format.PARQUET, Sets::parquet,
          Format.TFRECORD, Sets::tfRecords);

  @TempDir Path dir;

  private ImageSource write(Format format, List<ImageRecord> images) throws IOException {
    return ImageSource.parse(WRITERS.get(format).write(dir, images), "auto");
  }

  @ParameterizedTest
  @EnumSource
  void everyFormatGivesTheSameKeysLabelsAndBytes(Format format) throws IOException {
    List<ImageRecord> images = Sets.photographs();
    ImageSource source = write(format, images);
    assertEquals(format, source.format());
    Sets.assertRead(source, images, List.of());
  }

  @ParameterizedTest
  @EnumSource
  void epochsDependOnlyOnSeedAndNumber(Format format) throws IOException {
    ImageSource source = write(format, Sets.photographs());
    ImageDataset images = ImageDataset.open(source);
    List<ImageRecord> first = Sets.inOrder(images, 5, 0);
    ImageDataset again = ImageDataset.open(source);
    assertEquals(first, Sets.inOrder(again, 5, 0));
    // An epoch can be entered at any position.
    assertEquals(first.get(7), ImageDataset.open(source).epoch(5, 0).read(7));
    assertNotEquals(first, Sets.inOrder(again, 5, 1));
    assertNotEquals(first, Sets.inOrder(again, 6, 0));
  }

  @ParameterizedTest
  @EnumSource
  void summaryHasWhatIsKnownWithoutReadingAllFiles(Format format) throws IOException {
    ImageSource.Summary summary = write(format, Sets.photographs()).summary();
    boolean counted = format == Format.FOLDER || format == Format.PARQUET;
    boolean named = counted || format == Format.IMAGENET;
    assertEquals(counted ? OptionalLong.of(12) : OptionalLong.empty(), summary.images());
    assertEquals(named ? Sets.WNIDS : List.of(), summary.classes());
    assertEquals(null, summary.unlabelled());
  }

  @ParameterizedTest
  @EnumSource
  void imagesOverTheLimitAreRejected(Format format) throws IOException {
    List<ImageRecord> images = Sets.photographs();
    int largest = images.stream().mapToInt(image -> image.bytes().length).max().orElseThrow();
    ImageSource source = write(format, images).withMaxImageBytes(largest - 1000);
    List<ImageRecord> small =
        images.stream().filter(image -> image.bytes().length < largest - 1000).toList();
    assertNotEquals(images.size(), small.size());
    Sets.Scanned found = Sets.scan(source);
    assertEquals(small, found.images());
    assertEquals(images.size() - small.size(), found.rejected().size());
    for (RejectedImage rejected : found.rejected()) {
      assertTrue(rejected.reason().contains("over the limit of " + (largest - 1000) + " bytes"));
    }
    // Training notices some only when it reads them; the loader fills the gaps.
    ImageDataset dataset = ImageDataset.open(source);
    assertEquals(
        small.size(),
        Sets.inOrder(dataset, 1, 0).stream().filter(image -> image.bytes().length > 0).count());
    assertEquals(images.size() - small.size(), dataset.rejected().size());
  }
}
