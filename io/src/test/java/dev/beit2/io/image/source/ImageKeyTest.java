package dev.beit2.io.image.source;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class ImageKeyTest {
  @ParameterizedTest
  @CsvSource({
    // A name with a folder is kept.
    "bird/a b.JPG, bird/a b.JPG",
    "./bird/b.jpg, bird/b.jpg",
    "/data/bird/b.jpg, data/bird/b.jpg",
    "x/n01440764_10026.jpg, x/n01440764_10026.jpg",
    // ImageNet's names are the same in all its formats.
    "n01440764_10026.JPEG, n01440764/n01440764_10026.JPEG",
    "n01440764_10026.jpg, n01440764/n01440764_10026.JPEG",
    "n01440764_10026_n01440764.JPEG, n01440764/n01440764_10026.JPEG",
    "n01440764_10026.png, n01440764/n01440764_10026.png",
    "ILSVRC2012_val_00000001.JPEG, ILSVRC2012_val_00000001.JPEG",
    "ILSVRC2012_val_00000001_n01751748.JPEG, ILSVRC2012_val_00000001.JPEG",
    // Other names are unique in their file only.
    "000123.jpg, train-000003/000123.jpg",
    "./000123.jpg, train-000003/000123.jpg",
    "n01440764.jpg, train-000003/n01440764.jpg",
    "'', train-000003/000017",
    "' ', train-000003/000017",
    "./, train-000003/000017",
    ", train-000003/000017",
  })
  void keyFollowsFromNameFileAndNumber(String name, String key) {
    assertEquals(key, ImageKey.of(name, "train-000003.tar", 17));
  }

  @ParameterizedTest
  @CsvSource({
    "a/train-000003.tar, a/train-000003",
    "train-00000-of-00294.parquet, train-00000-of-00294",
    "train.tfrecord.gz, train",
    "train.tfrecord-00000-of-01024, train.tfrecord-00000-of-01024",
    "v1.5/x, v1.5/x"
  })
  void stemsHaveNoExtension(String file, String stem) {
    assertEquals(stem, ImageKey.stem(file));
  }
}
