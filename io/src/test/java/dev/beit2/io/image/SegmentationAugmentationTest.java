package dev.beit2.io.image;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.beit2.io.image.SegmentationAugmentation.Sample;
import dev.beit2.io.image.SegmentationAugmentation.Size;
import java.awt.image.BufferedImage;
import java.awt.image.IndexColorModel;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.Arrays;
import java.util.HashSet;
import java.util.Set;
import java.util.SplittableRandom;
import javax.imageio.ImageIO;
import org.junit.jupiter.api.Test;

class SegmentationAugmentationTest {
  private static final SegmentationAugmentation AUGMENTATION = new SegmentationAugmentation(64);

  private static byte[] png(BufferedImage image) throws IOException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    ImageIO.write(image, "png", out);
    return out.toByteArray();
  }

  private static BufferedImage numbered(BufferedImage image) {
    for (int y = 0; y < image.getHeight(); y++) {
      for (int x = 0; x < image.getWidth(); x++) {
        image.getRaster().setSample(x, y, 0, (y * image.getWidth() + x) % 256);
      }
    }
    return image;
  }

  @Test
  void masksAreNumbersNotColours() throws Exception {
    byte[] wanted = new byte[20 * 15];
    for (int i = 0; i < wanted.length; i++) {
      wanted[i] = (byte) i;
    }
    byte[] random = new byte[256];
    new SplittableRandom(1).nextBytes(random);
    IndexColorModel palette = new IndexColorModel(8, 256, random, random, random);
    for (BufferedImage image :
        new BufferedImage[] {
          new BufferedImage(20, 15, BufferedImage.TYPE_BYTE_GRAY),
          new BufferedImage(20, 15, BufferedImage.TYPE_BYTE_INDEXED, palette)
        }) {
      byte[] file = png(numbered(image));
      LabelMask mask = LabelMask.decode(file, DecodingLimits.DEFAULT);
      assertArrayEquals(wanted, mask.labels());
      assertEquals(20, mask.width());
      byte[] half = Arrays.copyOf(file, file.length / 2);
      assertReason("a mask that is no image: truncated PNG", half);
      byte[] corrupt = file.clone();
      Arrays.fill(corrupt, file.length - 40, file.length - 20, (byte) 9);
      assertReason("truncated or corrupt mask", corrupt);
    }
    assertReason(
        "a mask of 3 channels of 8 bits",
        png(new BufferedImage(4, 4, BufferedImage.TYPE_3BYTE_BGR)));
    assertReason(
        "a mask of 1 channels of 16 bits",
        png(new BufferedImage(4, 4, BufferedImage.TYPE_USHORT_GRAY)));
  }

  private static void assertReason(String wanted, byte[] file) {
    UndecodableImageException found =
        assertThrows(
            UndecodableImageException.class, () -> LabelMask.decode(file, DecodingLimits.DEFAULT));
    assertEquals(wanted, found.getMessage());
  }

  @Test
  void zeroMeansNoClass() throws Exception {
    LabelMask mask = new LabelMask(4, 1, new byte[] {0, 1, 3, (byte) 255}).withoutZero();
    assertArrayEquals(new byte[] {(byte) 255, 0, 2, (byte) 255}, mask.labels());
    mask.requireClasses(3);
    assertEquals(
        "a mask with class 2 of 2",
        assertThrows(UndecodableImageException.class, () -> mask.requireClasses(2)).getMessage());
  }

  @Test
  void resizedMasksTakeTheNearestLabel() {
    LabelMask mask = new LabelMask(3, 2, new byte[] {1, 2, 3, 4, 5, 6});
    assertArrayEquals(new byte[] {1, 1, 2, 2, 3, 3, 4, 4, 5, 5, 6, 6}, mask.resize(6, 2).labels());
    assertArrayEquals(new byte[] {1, 2}, mask.resize(2, 1).labels());
  }

  /** mmcv's rescale_size with the scale (2048, 512). */
  @Test
  void sizesKeepTheRatio() {
    SegmentationAugmentation official = new SegmentationAugmentation(512);
    assertEquals(new Size(683, 512), official.size(512, 384, 1));
    assertEquals(new Size(2048, 205), official.size(3000, 300, 1));
    assertEquals(new Size(342, 256), official.size(683, 512, 0.5));
    assertEquals(new Size(1024, 1365), official.size(384, 512, 2));
  }

  /** An image whose pixels tell their class, so that image and mask can be compared. */
  private static RgbImage image(LabelMask mask) {
    byte[] rgb = new byte[3 * mask.labels().length];
    for (int i = 0; i < mask.labels().length; i++) {
      Arrays.fill(rgb, 3 * i, 3 * i + 3, (byte) (60 + 60 * mask.labels()[i]));
    }
    return new RgbImage(mask.width(), mask.height(), rgb);
  }

  private static LabelMask blocks(int width, int height) {
    byte[] labels = new byte[width * height];
    for (int i = 0; i < labels.length; i++) {
      labels[i] = (byte) ((i % width / 32 + i / width / 32) % 3);
    }
    return new LabelMask(width, height, labels);
  }

  @Test
  void imageAndMaskStayTogetherAndAreAFunctionOfSeedAndKey() {
    LabelMask mask = blocks(160, 128);
    RgbImage image = image(mask);
    Set<Sample> different = new HashSet<>();
    for (int epoch = 0; epoch < 20; epoch++) {
      Sample sample = AUGMENTATION.apply(image, mask, 7, "key", epoch);
      assertEquals(sample, AUGMENTATION.apply(image, mask, 7, "key", epoch));
      different.add(sample);
      assertTrue(SegmentationAugmentation.isMixed(sample.mask()));
      // Grey pixels of one class have one value inside of its blocks, whatever the colours do.
      double[] sums = new double[3];
      int[] counts = new int[3];
      for (int i = 0; i < sample.mask().labels().length; i++) {
        sums[sample.mask().labels()[i]] += sample.image().rgb()[3 * i] & 0xFF;
        counts[sample.mask().labels()[i]]++;
      }
      double last = -1;
      for (int c = 0; c < 3; c++) {
        if (counts[c] > 100) {
          assertTrue(sums[c] / counts[c] > last, "epoch " + epoch);
          last = sums[c] / counts[c];
        }
      }
    }
    assertEquals(20, different.size());
  }

  @Test
  void aCropIsNotAlmostAllOfOneClass() {
    byte[] labels = new byte[100];
    assertFalse(SegmentationAugmentation.isMixed(new LabelMask(10, 10, labels.clone())));
    Arrays.fill(labels, 0, 25, (byte) 1);
    assertFalse(SegmentationAugmentation.isMixed(new LabelMask(10, 10, labels.clone())));
    labels[25] = 1;
    assertTrue(SegmentationAugmentation.isMixed(new LabelMask(10, 10, labels.clone())));
    Arrays.fill(labels, 26, 100, (byte) 255);
    assertFalse(SegmentationAugmentation.isMixed(new LabelMask(10, 10, labels)));
  }

  /** The expected values are those of OpenCV's and NumPy's formulas. */
  @Test
  void coloursChangeAsInMmsegmentation() {
    RgbImage grey = new RgbImage(2, 1, new byte[] {10, 10, 10, (byte) 250, (byte) 250, (byte) 250});
    RgbImage brighter = new PhotometricDistortion(20.7, null, false, null, null).apply(grey);
    assertArrayEquals(new byte[] {30, 30, 30, (byte) 255, (byte) 255, (byte) 255}, brighter.rgb());
    RgbImage contrast = new PhotometricDistortion(null, 1.25, true, 0.5, 7).apply(grey);
    assertArrayEquals(new byte[] {12, 12, 12, (byte) 255, (byte) 255, (byte) 255}, contrast.rgb());
    RgbImage red = new RgbImage(1, 1, new byte[] {(byte) 200, 0, 0});
    // By 36 degrees.
    RgbImage turned = new PhotometricDistortion(null, null, false, null, -18).apply(red);
    assertArrayEquals(new byte[] {(byte) 200, 0, 120}, turned.rgb());
    RgbImage pale = new PhotometricDistortion(null, null, false, 0.5, null).apply(red);
    assertArrayEquals(new byte[] {(byte) 200, 100, 100}, pale.rgb());
  }
}
