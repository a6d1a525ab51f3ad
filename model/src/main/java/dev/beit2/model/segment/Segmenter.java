package dev.beit2.model.segment;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import dev.beit2.model.checkpoint.InvalidCheckpointException;
import dev.beit2.model.checkpoint.ModelMetadata;
import dev.beit2.model.checkpoint.Safetensors;
import dev.beit2.model.torch.Kernels;
import dev.beit2.model.torch.Precision;
import dev.beit2.model.torch.StateDict;
import dev.beit2.model.vit.ImageNet;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ReadableByteChannel;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;

/**
 * A trained segmenter on images of any size: a window slides over the image, and the logits of
 * overlapping windows are averaged (mmsegmentation's {@code slide_inference}).
 */
public final class Segmenter implements AutoCloseable {
  private final SegmenterConfig config;
  private final Kernels kernels;
  private final StateDict state;
  private final UperNet network;

  /**
   * A part of an image.
   *
   * @param top its first row
   * @param left its first column
   * @param height its rows, fewer than the network's input only if the image has no more
   * @param width its columns
   */
  public record Window(int top, int left, int height, int width) {}

  /** Puts pixels of an image into a buffer. */
  public interface Pixels {
    /**
     * Writes a window at the top left of an input, [3, S, S] in [0, 1]; where the window is smaller
     * than S, the rest is ImageNet's mean colour.
     */
    void put(Window window, ByteBuffer input);
  }

  private Segmenter(SegmenterConfig config, Kernels kernels, StateDict state) {
    this.config = config;
    this.kernels = kernels;
    this.state = state;
    this.network = new UperNet(config, kernels, state, null);
  }

  /**
   * Reads a checkpoint's {@code model.safetensors}.
   *
   * @throws IOException if it is not exactly a segmenter's file
   */
  public static Segmenter read(ReadableByteChannel model, Precision precision) throws IOException {
    Safetensors file = Safetensors.read(model, metadata -> UperNet.layout(config(metadata)));
    Kernels kernels = Kernels.of(precision);
    file.tensors().convert(kernels, name -> name.startsWith(UperNet.BACKBONE + "blocks."));
    return new Segmenter(config(file.metadata()), kernels, file.tensors());
  }

  private static SegmenterConfig config(Map<String, String> metadata)
      throws InvalidCheckpointException {
    return ModelMetadata.of(metadata).config("segmenter", "a segmenter", SegmenterConfig.class);
  }

  /** Side of the network's input in pixels, S. */
  public int imageSize() {
    return config.backbone().imageSize();
  }

  /** Classes that a pixel can have. */
  public int classes() {
    return config.classes();
  }

  /**
   * The windows of an image, row by row: two thirds of a side apart, the last one moved inside.
   *
   * @param side of the network's input
   */
  static List<Window> windows(int height, int width, int side) {
    List<Window> windows = new ArrayList<>();
    for (int top : starts(height, side)) {
      for (int left : starts(width, side)) {
        windows.add(new Window(top, left, Math.min(side, height), Math.min(side, width)));
      }
    }
    return windows;
  }

  /** 341 pixels apart for windows of 512, as in the official configs. */
  private static List<Integer> starts(int length, int side) {
    int stride = Math.max(1, 2 * side / 3);
    List<Integer> starts = new ArrayList<>();
    int count = (Math.max(0, length - side) + stride - 1) / stride + 1;
    for (int i = 0; i < count; i++) {
      starts.add(Math.max(0, Math.min(i * stride, length - side)));
    }
    return starts;
  }

  /**
   * Classifies the pixels of an image.
   *
   * @param height of the image as the network sees it
   * @param width of the image as the network sees it
   * @param pixels of that image
   * @param input a direct buffer of native order for one window, [3, S, S] float32
   * @param outputHeight of the result, to which the logits are resized
   * @param outputWidth of the result
   * @return [outputHeight, outputWidth] classes, a byte each
   */
  public byte[] classify(
      int height, int width, Pixels pixels, ByteBuffer input, int outputHeight, int outputWidth) {
    byte[][] found = new byte[1][];
    kernels.withoutGradient(
        () -> {
          try (NDManager manager = state.newManager()) {
            NDArray sum = manager.zeros(new Shape(config.classes(), height, width));
            NDArray count = manager.zeros(new Shape(height, width));
            for (Window window : windows(height, width, imageSize())) {
              pixels.put(window, input);
              add(window, input, sum, count);
            }
            try (NDArray size = kernels.numbers(outputHeight, outputWidth)) {
              found[0] = kernels.call(manager, "classes_of_pixels", sum, count, size).toByteArray();
            }
          }
        });
    return found[0];
  }

  private void add(Window window, ByteBuffer input, NDArray sum, NDArray count) {
    int side = imageSize();
    try (NDManager manager = state.newManager();
        NDArray box =
            kernels.numbers(window.top(), window.left(), window.height(), window.width())) {
      NDArray images = manager.create(input, new Shape(1, 3, side, side), DataType.FLOAT32);
      List<NDArray> pyramid =
          network.pyramid(
              manager, ImageNet.normalize(kernels, manager, images), UperNet.Mode.INFERENCE);
      NDArray logits = network.logits(manager, pyramid, UperNet.Mode.INFERENCE);
      kernels.call(manager, "add_window", logits, sum, count, box, kernels.number(side));
    }
  }

  @Override
  public void close() {
    state.close();
  }
}
