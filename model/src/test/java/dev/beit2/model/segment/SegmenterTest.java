package dev.beit2.model.segment;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import dev.beit2.model.TestImages;
import dev.beit2.model.checkpoint.ModelMetadata;
import dev.beit2.model.checkpoint.Safetensors;
import dev.beit2.model.segment.Segmenter.Window;
import dev.beit2.model.torch.Kernels;
import dev.beit2.model.torch.Precision;
import dev.beit2.model.torch.StateDict;
import dev.beit2.model.torch.Torch;
import dev.beit2.model.vit.ImageNet;
import dev.beit2.model.vit.VitConfig;
import dev.beit2.model.vit.VitConfig.Positions;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.Channels;
import java.util.ArrayList;
import java.util.List;
import org.junit.jupiter.api.Test;

class SegmenterTest {
  private static final int SIDE = 64;

  private static SegmenterConfig config(int depth) {
    return new SegmenterConfig(
        new VitConfig(SIDE, 16, 3, 24, depth, 2, 4, Positions.RELATIVE, 0.1, 0), 4, 8);
  }

  /** mmsegmentation's slide_inference with a crop of 512 and a stride of 341. */
  @Test
  void windowsCoverTheImageAsTheOfficialOnes() {
    assertEquals(
        List.of(new Window(0, 0, 512, 512), new Window(0, 171, 512, 512)),
        Segmenter.windows(512, 683, 512));
    assertEquals(
        List.of(0, 341, 682, 1023, 1364, 1536),
        Segmenter.windows(512, 2048, 512).stream().map(Window::left).toList());
    assertEquals(
        List.of(0, 341, 341, 0, 341, 341).size(), Segmenter.windows(853, 1024, 512).size());
    assertEquals(List.of(new Window(0, 0, 300, 512)), Segmenter.windows(300, 512, 512));
    assertEquals(List.of(new Window(0, 0, 512, 512)), Segmenter.windows(512, 512, 512));
  }

  @Test
  void tapsAreTheOfficialOnes() {
    assertEquals(List.of(3, 5, 7, 11), config(12).taps());
    assertEquals(List.of(7, 11, 15, 23), config(24).taps());
    assertEquals(List.of(0, 1, 2, 3), config(4).taps());
    assertThrows(IllegalArgumentException.class, () -> config(3));
  }

  private static Segmenter segmenter(StateDict state) throws IOException {
    ByteArrayOutputStream model = new ByteArrayOutputStream();
    Safetensors.write(
        Channels.newChannel(model),
        ModelMetadata.of("segmenter", config(4)).toMap(),
        state.tensors());
    return Segmenter.read(
        Channels.newChannel(new ByteArrayInputStream(model.toByteArray())), Precision.FP32);
  }

  private static void put(ByteBuffer image, int width, int height, Window window, ByteBuffer to) {
    for (int c = 0; c < 3; c++) {
      for (int y = 0; y < SIDE; y++) {
        for (int x = 0; x < SIDE; x++) {
          boolean inside = y < window.height() && x < window.width();
          float value =
              inside
                  ? image.getFloat(
                      4 * ((c * height + window.top() + y) * width + window.left() + x))
                  : ImageNet.mean()[c];
          to.putFloat(4 * ((c * SIDE + y) * SIDE + x), value);
        }
      }
    }
  }

  /** The same with whole tensors, and the average and the argmax in this test. */
  private static byte[] wanted(StateDict state, ByteBuffer image, int height, int width) {
    Kernels kernels = Kernels.of(Precision.FP32);
    UperNet network = new UperNet(config(4), kernels, state, null);
    double[][] sums = new double[4][height * width];
    int[] counts = new int[height * width];
    ByteBuffer input = input();
    for (Window window : Segmenter.windows(height, width, SIDE)) {
      put(image, width, height, window, input);
      try (NDManager manager = Torch.newManager()) {
        NDArray pixels = manager.create(input, new Shape(1, 3, SIDE, SIDE), DataType.FLOAT32);
        NDArray normalized = ImageNet.normalize(kernels, manager, pixels);
        NDArray logits =
            network.logits(
                manager,
                network.pyramid(manager, normalized, UperNet.Mode.INFERENCE),
                UperNet.Mode.INFERENCE);
        NDArray like = manager.zeros(new Shape(1, 1, SIDE, SIDE));
        float[] large = kernels.call(manager, "resize_like", logits, like).toFloatArray();
        for (int y = 0; y < window.height(); y++) {
          for (int x = 0; x < window.width(); x++) {
            int at = (window.top() + y) * width + window.left() + x;
            counts[at]++;
            for (int c = 0; c < 4; c++) {
              sums[c][at] += large[(c * SIDE + y) * SIDE + x];
            }
          }
        }
      }
    }
    byte[] best = new byte[height * width];
    for (int i = 0; i < best.length; i++) {
      for (int c = 1; c < 4; c++) {
        if (sums[c][i] / counts[i] > sums[best[i]][i] / counts[i]) {
          best[i] = (byte) c;
        }
      }
    }
    return best;
  }

  /** Initial values with biases such that no class is everywhere the highest. */
  private static StateDict balanced() {
    StateDict state = UperNet.initialize(config(4), 3);
    Kernels kernels = Kernels.of(Precision.FP32);
    try (NDManager manager = Torch.newManager()) {
      NDArray pixels =
          manager.create(
              TestImages.gratings(1, SIDE, 16, 6), new Shape(1, 3, SIDE, SIDE), DataType.FLOAT32);
      UperNet network = new UperNet(config(4), kernels, state, null);
      NDArray logits =
          network.logits(
              manager,
              network.pyramid(manager, pixels, UperNet.Mode.INFERENCE),
              UperNet.Mode.INFERENCE);
      float[] values = logits.toFloatArray();
      float[] biases = new float[4];
      int perClass = values.length / 4;
      for (int i = 0; i < values.length; i++) {
        biases[i / perClass] -= values[i] / perClass;
      }
      state.put("decode_head.conv_seg.bias", state.manager().create(biases));
    }
    return state;
  }

  private static ByteBuffer input() {
    return ByteBuffer.allocateDirect(4 * 3 * SIDE * SIDE).order(ByteOrder.nativeOrder());
  }

  @Test
  void overlappingWindowsAreAveraged() throws IOException {
    try (StateDict state = balanced();
        Segmenter segmenter = segmenter(state)) {
      for (int[] size : List.of(new int[] {64, 64}, new int[] {64, 107}, new int[] {90, 40})) {
        int height = size[0];
        int width = size[1];
        ByteBuffer image = TestImages.gratings(1, 128, 16, 5);
        ByteBuffer input = input();
        byte[] found =
            segmenter.classify(
                height,
                width,
                (window, to) -> put(image, width, height, window, to),
                input,
                height,
                width);
        byte[] wanted = wanted(state, image, height, width);
        int different = 0;
        for (int i = 0; i < wanted.length; i++) {
          different += wanted[i] == found[i] ? 0 : 1;
        }
        // Sums in another precision decide a few ties differently.
        assertTrue(different <= wanted.length / 1000, different + " of " + wanted.length);
        assertTrue(List.of(0, 1, 2, 3).stream().filter(c -> has(found, c)).count() > 1);
        List<Byte> resized = new ArrayList<>();
        for (byte label :
            segmenter.classify(
                height,
                width,
                (window, to) -> put(image, width, height, window, to),
                input,
                2 * height,
                3 * width)) {
          resized.add(label);
        }
        assertEquals(6 * height * width, resized.size());
      }
    }
  }

  private static boolean has(byte[] labels, int label) {
    for (byte found : labels) {
      if (found == label) {
        return true;
      }
    }
    return false;
  }

  @Test
  void measuresFollowFromTheConfusion() {
    Confusion confusion = new Confusion(4);
    byte none = (byte) SegmenterConfig.IGNORED;
    confusion.add(new byte[] {0, 0, 0, 1, 1, none}, new byte[] {0, 0, 1, 1, 2, 2});
    assertArrayEquals(
        new double[] {2 / 3.0, 1 / 3.0, 0, Double.NaN},
        new double[] {confusion.iou(0), confusion.iou(1), confusion.iou(2), confusion.iou(3)},
        1e-15);
    assertEquals((2 / 3.0 + 1 / 3.0 + 0) / 3, confusion.meanIou(), 1e-15);
    assertEquals((2 / 3.0 + 1 / 2.0) / 2, confusion.meanAccuracy(), 1e-15);
    assertEquals(3 / 5.0, confusion.accuracy(), 1e-15);
    assertEquals(3, confusion.pixels(0));
    confusion.add(new byte[] {3}, new byte[] {3});
    assertEquals(1, confusion.iou(3));
    assertTrue(Double.isNaN(new Confusion(2).meanIou()));
  }
}
