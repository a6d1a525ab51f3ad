package dev.beit2.model.eval;

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
import dev.beit2.model.mim.MaskedImageModel;
import dev.beit2.model.mim.MaskedPatches;
import dev.beit2.model.mim.MimConfig;
import dev.beit2.model.torch.Kernels;
import dev.beit2.model.torch.Precision;
import dev.beit2.model.torch.StateDict;
import dev.beit2.model.vit.DropPath;
import dev.beit2.model.vit.ImageNet;
import dev.beit2.model.vit.VitConfig;
import dev.beit2.model.vit.VitConfig.Positions;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;

/** The features that every evaluation uses. */
class BackboneTest {
  private static final int SIDE = 64;
  private static final int PATCHES = 16;
  private static final int DIM = 48;
  private static final float[] MEAN = {0.485f, 0.456f, 0.406f};
  private static final float[] STD = {0.229f, 0.224f, 0.225f};
  private static final MimConfig CONFIG =
      new MimConfig(
          new VitConfig(SIDE, 16, 3, DIM, 3, 3, 4, Positions.SHARED_RELATIVE, 0.1, 0),
          32,
          2,
          1,
          true);

  /** A checkpoint whose parameters are all random: initial values hide mistakes behind zeros. */
  private static byte[] checkpoint(StateDict state) throws IOException {
    ByteArrayOutputStream file = new ByteArrayOutputStream();
    Safetensors.write(
        Channels.newChannel(file), ModelMetadata.of("mim", CONFIG).toMap(), state.tensors());
    return file.toByteArray();
  }

  private static StateDict randomState() {
    return noisy(MaskedImageModel.initialize(CONFIG, 5));
  }

  private static StateDict noisy(StateDict state) {
    SplittableRandom random = new SplittableRandom(5);
    try (NDManager manager = state.newManager()) {
      for (NDArray tensor : state.tensors().values()) {
        if (tensor.getDataType() == DataType.FLOAT32) {
          float[] noise = new float[(int) tensor.size()];
          for (int i = 0; i < noise.length; i++) {
            noise[i] = (float) random.nextGaussian(0, 0.05);
          }
          tensor.addi(manager.create(noise, tensor.getShape()));
        }
      }
    }
    return state;
  }

  private static Backbone read(byte[] file) throws IOException {
    return Backbone.read(Channels.newChannel(new ByteArrayInputStream(file)), Precision.FP32);
  }

  private static float[][] features(Backbone backbone, ByteBuffer images, int batch) {
    float[] cls = new float[batch * DIM];
    float[] mean = new float[batch * DIM];
    backbone.features(images, batch, cls, mean);
    return new float[][] {cls, mean};
  }

  /** The tokens of the masked image model with nothing replaced by the mask token. */
  private static float[] unmaskedTokens(StateDict state, ByteBuffer images, int batch) {
    Kernels kernels = Kernels.of(Precision.FP32);
    try (NDManager manager = state.newManager()) {
      NDArray input =
          manager
              .create(images, new Shape(batch, 3, SIDE, SIDE), DataType.FLOAT32)
              .sub(manager.create(MEAN).reshape(1, 3, 1, 1))
              .div(manager.create(STD).reshape(1, 3, 1, 1));
      boolean[] one = new boolean[batch * PATCHES];
      one[0] = true;
      MaskedPatches masked = MaskedPatches.of(manager, one, new int[one.length], batch);
      MaskedPatches none = new MaskedPatches(masked.mask().mul(0), masked.rows(), masked.labels());
      return new MaskedImageModel(CONFIG, kernels, state)
          .forward(manager, input, none, DropPath.NONE)
          .tokens()
          .toFloatArray();
    }
  }

  @Test
  void featuresAreClsAndTheMeanOfThePatchTokensOfTheLastLayer() throws IOException {
    int batch = 3;
    ByteBuffer images = TestImages.gratings(batch, SIDE, SIDE, 7);
    try (StateDict state = randomState();
        Backbone backbone = read(checkpoint(state))) {
      float[][] features = features(backbone, images, batch);

      float[] tokens = unmaskedTokens(state, images, batch);
      float[] cls = new float[batch * DIM];
      float[] mean = new float[batch * DIM];
      for (int b = 0; b < batch; b++) {
        for (int t = 0; t <= PATCHES; t++) {
          for (int d = 0; d < DIM; d++) {
            float value = tokens[(b * (PATCHES + 1) + t) * DIM + d];
            if (t == 0) {
              cls[b * DIM + d] = value;
            } else {
              mean[b * DIM + d] += value / PATCHES;
            }
          }
        }
      }
      assertArrayEquals(cls, features[0], 1e-5f);
      assertArrayEquals(mean, features[1], 1e-5f);
    }
  }

  @Test
  void featuresDoNotDependOnTheOtherImagesOfABatch() throws IOException {
    ByteBuffer both = TestImages.gratings(2, SIDE, SIDE, 7);
    int bytes = both.remaining() / 2;
    try (StateDict state = randomState();
        Backbone backbone = read(checkpoint(state))) {
      float[][] together = features(backbone, both, 2);
      for (int i = 0; i < 2; i++) {
        float[][] alone = features(backbone, both.slice(i * bytes, bytes).order(both.order()), 1);
        for (int kind = 0; kind < 2; kind++) {
          float[] row = Arrays.copyOfRange(together[kind], i * DIM, (i + 1) * DIM);
          assertArrayEquals(alone[kind], row, 1e-5f);
        }
      }
      for (float[] feature : together) {
        double difference = 0;
        for (int d = 0; d < DIM; d++) {
          difference = Math.max(difference, Math.abs(feature[d] - feature[DIM + d]));
        }
        // Far more than the tolerance above, so that swapped images would be noticed.
        assertTrue(difference > 1e-2, "two images have the same feature up to " + difference);
      }
    }
  }

  @Test
  void vectorsAreThoseFeaturesAndWhatTheyAreMadeOf() throws IOException {
    ByteBuffer image = TestImages.gratings(1, SIDE, SIDE, 7);
    FeatureChoice all = new FeatureChoice(true, true);
    try (StateDict state = randomState();
        Backbone backbone = read(checkpoint(state))) {
      float[][] features = features(backbone, image, 1);
      List<float[]> vectors = backbone.vectors(image, all);
      assertEquals(
          List.of("cls", "mean", "patches", "block_01", "block_02", "block_03"),
          List.copyOf(backbone.vectorSizes(all).keySet()));
      assertEquals(
          List.copyOf(backbone.vectorSizes(all).values()),
          vectors.stream().map(vector -> vector.length).toList());
      assertArrayEquals(features[0], vectors.get(0));
      assertArrayEquals(features[1], vectors.get(1));
      float[] tokens = unmaskedTokens(state, image, 1);
      assertArrayEquals(Arrays.copyOfRange(tokens, DIM, tokens.length), vectors.get(2), 1e-5f);
      // The last block's [CLS] becomes the feature by the last norm.
      try (NDManager manager = state.newManager()) {
        NDArray last = manager.create(Arrays.copyOf(vectors.get(5), DIM), new Shape(1, DIM));
        NDArray normal =
            Kernels.of(Precision.FP32)
                .call(manager, "norm", last, state.get("norm.weight"), state.get("norm.bias"));
        assertArrayEquals(features[0], normal.toFloatArray(), 1e-5f);
      }
      assertEquals(2, backbone.vectors(image, FeatureChoice.POOLED).size());
    }
  }

  @Test
  void anotherKindOfModelIsRefused() throws IOException {
    ByteArrayOutputStream file = new ByteArrayOutputStream();
    try (StateDict state = randomState()) {
      Safetensors.write(Channels.newChannel(file), Map.of("kind", "vqkd"), state.tensors());
    }
    IOException refused = assertThrows(IOException.class, () -> read(file.toByteArray()));
    assertEquals(
        "found a model of kind vqkd; wanted a masked image model (mim) or a classifier (classifier)",
        refused.getMessage());
  }

  /** Fine-tuning with {@code --use_cls} starts from the features that the evaluations see. */
  @Test
  void aClassifierWithoutMeanPoolingSeesTheSameCls() throws IOException {
    int batch = 3;
    ByteBuffer images = TestImages.gratings(batch, SIDE, SIDE, 7);
    Kernels kernels = Kernels.of(Precision.FP32);
    ClassifierConfig config = new ClassifierConfig(CONFIG.backbone(), 10, false);
    try (StateDict state = randomState();
        Backbone backbone = read(checkpoint(state));
        NDManager manager = state.newManager()) {
      NDArray input = manager.create(images, new Shape(batch, 3, SIDE, SIDE), DataType.FLOAT32);
      NDArray features =
          new Classifier(config, kernels, state)
              .features(manager, ImageNet.normalize(kernels, manager, input));
      assertArrayEquals(features(backbone, images, batch)[0], features.toFloatArray(), 1e-5f);
    }
  }

  /** The head of a fine-tuned classifier sees the feature that the evaluations see. */
  @Test
  void aClassifierIsABackbone() throws IOException {
    int batch = 2;
    VitConfig own = new VitConfig(SIDE, 16, 3, DIM, 3, 3, 4, Positions.RELATIVE, 0.1, 0);
    ClassifierConfig config = new ClassifierConfig(own, 10, true);
    ByteBuffer images = TestImages.gratings(batch, SIDE, SIDE, 7);
    Kernels kernels = Kernels.of(Precision.FP32);
    ByteArrayOutputStream file = new ByteArrayOutputStream();
    try (StateDict state = noisy(Classifier.initialize(config, 5))) {
      Safetensors.write(
          Channels.newChannel(file),
          ModelMetadata.of("classifier", config).toMap(),
          state.tensors());
      try (Backbone backbone = read(file.toByteArray());
          NDManager manager = state.newManager()) {
        NDArray input = manager.create(images, new Shape(batch, 3, SIDE, SIDE), DataType.FLOAT32);
        NDArray features =
            new Classifier(config, kernels, state)
                .features(manager, ImageNet.normalize(kernels, manager, input));
        float[][] found = features(backbone, images, batch);
        assertArrayEquals(features.toFloatArray(), found[1], 1e-5f);
        assertTrue(backbone.note().orElseThrow().contains("a classifier of 10 classes"));
      }
    }
  }
}
