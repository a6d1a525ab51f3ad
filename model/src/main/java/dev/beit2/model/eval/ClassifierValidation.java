package dev.beit2.model.eval;

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
import java.util.Map;

/**
 * Measures a classifier on labelled images that it was not trained on (official {@code
 * engine_for_finetuning.py}, {@code evaluate}).
 */
public final class ClassifierValidation implements AutoCloseable {
  private static final int FEW = 5;

  private final ClassifierConfig config;
  private final Kernels kernels;
  private final StateDict state;
  private final Classifier classifier;
  private long images;
  private long right;
  private long amongFew;
  private double lossSum;

  private ClassifierValidation(ClassifierConfig config, Kernels kernels, StateDict state) {
    this.config = config;
    this.kernels = kernels;
    this.state = state;
    this.classifier = new Classifier(config, kernels, state);
  }

  /**
   * Reads a checkpoint's {@code model.safetensors}.
   *
   * @throws IOException if it is not exactly a classifier's file
   */
  public static ClassifierValidation read(ReadableByteChannel model, Precision precision)
      throws IOException {
    Safetensors file = Safetensors.read(model, metadata -> Classifier.layout(config(metadata)));
    Kernels kernels = Kernels.of(precision);
    file.tensors().convert(kernels, name -> name.startsWith("blocks."));
    return new ClassifierValidation(config(file.metadata()), kernels, file.tensors());
  }

  private static ClassifierConfig config(Map<String, String> metadata)
      throws InvalidCheckpointException {
    return ModelMetadata.of(metadata).config("classifier", "a classifier", ClassifierConfig.class);
  }

  /**
   * Measures some images.
   *
   * @param batch [B, 3, S, S] in [0, 1]: float32 in a direct buffer of native order
   * @param labels class of each image, [B]
   */
  public void add(ByteBuffer batch, long[] labels) {
    kernels.withoutGradient(() -> measure(batch, labels));
  }

  private void measure(ByteBuffer batch, long[] labels) {
    int side = config.backbone().imageSize();
    try (NDManager manager = state.newManager()) {
      NDArray input =
          manager.create(batch, new Shape(labels.length, 3, side, side), DataType.FLOAT32);
      NDArray normalized = ImageNet.normalize(kernels, manager, input);
      NDArray logits = classifier.logits(manager, classifier.features(manager, normalized));
      NDArray loss = classifier.loss(manager, logits, manager.create(labels), 0);
      lossSum += labels.length * (double) loss.getFloat();
      float[] scores = logits.toFloatArray();
      for (int i = 0; i < labels.length; i++) {
        int rank = rank(scores, i * config.classes(), (int) labels[i]);
        right += rank == 0 ? 1 : 0;
        amongFew += rank < FEW ? 1 : 0;
      }
    }
    images += labels.length;
  }

  /** How many classes are predicted before the label; of equal scores the first one. */
  private int rank(float[] scores, int from, int label) {
    int rank = 0;
    for (int i = 0; i < config.classes(); i++) {
      float score = scores[from + i];
      if (score > scores[from + label] || (score == scores[from + label] && i < label)) {
        rank++;
      }
    }
    return rank;
  }

  /** Side of the input images, in pixels. */
  public int imageSize() {
    return config.backbone().imageSize();
  }

  /** Images measured so far. */
  public long images() {
    return images;
  }

  /** Mean cross-entropy. */
  public double loss() {
    return lossSum / images;
  }

  /** Fraction of the images whose class has the highest score. */
  public double top1() {
    return right / (double) images;
  }

  /** Fraction of the images whose class is among the five with the highest scores. */
  public double top5() {
    return amongFew / (double) images;
  }

  @Override
  public void close() {
    state.close();
  }
}
