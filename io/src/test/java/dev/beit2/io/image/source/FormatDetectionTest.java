package dev.beit2.io.image.source;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.beit2.io.InvalidInputException;
import dev.beit2.io.image.source.ImageSource.Format;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class FormatDetectionTest {
  @TempDir Path folder;

  private void make(String names) throws IOException {
    for (String name : names.split(" ")) {
      Path file = folder.resolve(name);
      Files.createDirectories(file.getParent());
      Files.writeString(file, "");
    }
  }

  @ParameterizedTest
  @CsvSource({
    "bird/1.jpg README, '', FOLDER",
    "1.jpg 2.PNG, '', FOLDER",
    "bird/1.jpg, /*/[a-z0-9]*, FOLDER",
    "bird/1, /*/*, FOLDER",
    "ILSVRC2012_img_train.tar, /ILSVRC2012_img_train.tar, IMAGENET",
    "ILSVRC2012_img_val.tar ILSVRC2012_devkit_t12.tar.gz, '', IMAGENET",
    "n01440764.tar n01443537.tar, '', IMAGENET",
    "n01440764.tar n01443537.tar, /n*.tar, IMAGENET",
    "s-0.tar s-1.tar index.json, '', WEBDATASET",
    "s-0.tar s-1.tar, /s-{0..1}.tar, WEBDATASET",
    "a.parquet README.md, '', PARQUET",
    "a.parquet, /*.parquet, PARQUET",
    "x.tfrecord-00000-of-00002 features.json, '', TFRECORD",
    "train-00000-of-01024, /train-00000-of-01024, TFRECORD",
    "train-00000-of-01024 train-00001-of-01024, /train-*, TFRECORD",
    "x.tfrecords.gz, '', TFRECORD",
  })
  void formatIsDetectedFromFileNames(String files, String path, Format format) throws IOException {
    make(files);
    assertEquals(format, ImageSource.parse(folder + path, "auto").format());
  }

  @ParameterizedTest
  @CsvSource({
    "a.jpg b.tar, ''",
    "a.tar b.parquet, ''",
    "a.zip, /a.zip",
    "a.tar.gz, /a.tar.gz",
  })
  void ambiguousInputIsRefusedWithTheChoices(String files, String path) throws IOException {
    make(files);
    InvalidInputException error =
        assertThrows(InvalidInputException.class, () -> ImageSource.parse(folder + path, "auto"));
    assertTrue(error.found().contains(files.split(" ")[0]), error.found());
    assertEquals("--format=folder|imagenet|webdataset|parquet|tfrecord", error.wanted());
    assertEquals(Format.WEBDATASET, ImageSource.parse(folder + path, "webdataset").format());
  }

  @Test
  void everyFormatReportsWhatIsMissing() throws IOException {
    make("empty/README");
    for (Format format : Format.values()) {
      String absent = folder + "/absent";
      assertEquals("nothing at " + absent, found(absent, format));
      assertTrue(found(folder + "/empty", format).contains(folder + "/empty"));
    }
    assertEquals("nothing at " + folder + "/absent", found(folder + "/absent", "auto"));
  }

  private static String found(String path, Format format) {
    return found(path, format.word());
  }

  private static String found(String path, String format) {
    return assertThrows(
            InvalidInputException.class, () -> ImageSource.parse(path, format).summary())
        .found();
  }
}
