package dev.beit2.model.eval;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import dev.beit2.model.checkpoint.InvalidCheckpointException;
import dev.beit2.model.checkpoint.ModelMetadata;
import dev.beit2.model.checkpoint.Safetensors;
import dev.beit2.model.torch.Kernels;
import dev.beit2.model.torch.Precision;
import dev.beit2.model.torch.StateDict;
import dev.beit2.model.vit.DropPath;
import dev.beit2.model.vit.ImageNet;
import dev.beit2.model.vit.Vit;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ReadableByteChannel;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import javax.annotation.Nullable;

/**
 * The transformer of a masked image model or a classifier as a feature extractor. Safe for use by
 * many threads.
 */
public final class Backbone implements AutoCloseable {
  /** The vector of [CLS]. */
  public static final String CLS = "cls";

  /** The vector of the mean of the patch tokens. */
  public static final String MEAN = "mean";

  private final Network network;
  @Nullable private final String greyRange;
  private final Kernels kernels;
  private final StateDict state;
  private final Vit vit;

  private Backbone(Network network, @Nullable String greyRange, Kernels kernels, StateDict state) {
    this.network = network;
    this.greyRange = greyRange;
    this.kernels = kernels;
    this.state = state;
    this.vit = new Vit(network.transformer(), kernels, state, "");
  }

  /**
   * Reads a {@code model.safetensors}.
   *
   * @throws InvalidCheckpointException if it is not exactly a masked image model's or a
   *     classifier's file
   */
  public static Backbone read(ReadableByteChannel model, Precision precision) throws IOException {
    Safetensors file = Safetensors.read(model, metadata -> network(metadata).layout());
    Network network = network(file.metadata());
    Kernels kernels = Kernels.of(precision);
    file.tensors().convert(kernels, name -> name.startsWith("blocks."));
    String greyRange = ModelMetadata.of(file.metadata()).greyRange();
    return new Backbone(network, greyRange, kernels, file.tensors());
  }

  /**
   * The network of the file with this metadata.
   *
   * @throws InvalidCheckpointException if it has no backbone
   */
  public static Network network(Map<String, String> metadata) throws InvalidCheckpointException {
    return Network.of(metadata, Network.Kind.MIM, Network.Kind.CLASSIFIER);
  }

  /** A backbone of the same shape at its initial values, as a baseline. */
  public Backbone untrained(long seed) {
    return new Backbone(network, greyRange, kernels, network.initialize(seed));
  }

  /** What people should know of its features, if they are not those of a pretrained backbone. */
  public Optional<String> note() {
    return network.config() instanceof ClassifierConfig classifier
        ? Optional.of(
            "a classifier of %d classes: %s; its head is not used"
                .formatted(
                    classifier.classes(),
                    classifier.meanPooling()
                        ? "[CLS] is taken as it is, for it has no norm, and the mean of patches goes"
                            + " through its fc_norm"
                        : "its norm is that of [CLS], and of the patches as well"))
        : Optional.empty();
  }

  /** How it has seen grey images of 16 bits; see {@link ModelMetadata#greyRange}. */
  public Optional<String> greyRange() {
    return Optional.ofNullable(greyRange);
  }

  /** Side of its input images, in pixels. */
  public int imageSize() {
    return network.transformer().imageSize();
  }

  /** Width of a feature, D. */
  public int dim() {
    return network.transformer().dim();
  }

  /**
   * Features of a batch: after the last norm, or, if a classifier has only {@code fc_norm}, [CLS]
   * as it is and the mean after {@code fc_norm}.
   *
   * @param images [B, 3, S, S] in [0, 1]: float32 in a direct buffer of native order
   * @param cls receives [CLS], B · D
   * @param mean receives the mean of the patch tokens, B · D
   */
  public void features(ByteBuffer images, int batch, float[] cls, float[] mean) {
    try (NDManager manager = state.newManager()) {
      NDArray x = vit.blocks(manager, embed(manager, images, batch));
      Pooled pooled = pooled(manager, x);
      System.arraycopy(pooled.cls(), 0, cls, 0, batch * dim());
      System.arraycopy(pooled.mean(), 0, mean, 0, batch * dim());
    }
  }

  /** The names of the vectors that {@link #vectors} returns, in their order, and their sizes. */
  public Map<String, Integer> vectorSizes(FeatureChoice choice) {
    Map<String, Integer> sizes = new LinkedHashMap<>();
    sizes.put(CLS, dim());
    sizes.put(MEAN, dim());
    if (choice.patches()) {
      sizes.put("patches", network.transformer().patches() * dim());
    }
    if (choice.blocks()) {
      for (int i = 0; i < network.transformer().depth(); i++) {
        sizes.put(String.format(Locale.ROOT, "block_%02d", i + 1), 2 * dim());
      }
    }
    return sizes;
  }

  /**
   * The features of one image: [CLS] and the mean of the patch tokens as {@link #features} computes
   * them; if chosen, all patch tokens after the last norm, [N · D], and of each block [CLS] and the
   * mean of the patch tokens one after the other, [2 · D], without any norm.
   *
   * @param image [1, 3, S, S], as {@link #features} takes it
   */
  public List<float[]> vectors(ByteBuffer image, FeatureChoice choice) {
    try (NDManager manager = state.newManager()) {
      NDArray x = embed(manager, image, 1);
      NDArray bias = vit.sharedBias(manager);
      List<float[]> ofBlocks = new ArrayList<>();
      for (int i = 0; i < network.transformer().depth(); i++) {
        NDArray next = vit.block(manager, x, bias, "blocks." + i, DropPath.NONE);
        x = next;
        if (choice.blocks()) {
          NDList pooled = kernels.callForAll(manager, "pooled", new NDArray[] {x});
          float[] both = Arrays.copyOf(pooled.get(0).toFloatArray(), 2 * dim());
          System.arraycopy(pooled.get(1).toFloatArray(), 0, both, dim(), dim());
          ofBlocks.add(both);
        }
      }
      Pooled pooled = pooled(manager, x);
      List<float[]> vectors = new ArrayList<>(List.of(pooled.cls(), pooled.mean()));
      if (choice.patches()) {
        vectors.add(
            kernels
                .call(manager, "float32", kernels.call(manager, "patch_tokens", pooled.tokens()))
                .toFloatArray());
      }
      vectors.addAll(ofBlocks);
      return vectors;
    }
  }

  private NDArray embed(NDManager manager, ByteBuffer images, int batch) {
    NDArray input =
        manager.create(images, new Shape(batch, 3, imageSize(), imageSize()), DataType.FLOAT32);
    NDArray patches = vit.patchEmbed(manager, ImageNet.normalize(kernels, manager, input));
    return vit.embed(manager, patches);
  }

  /**
   * @param tokens [B, 1 + N, D], after the last norm if there is one before the mean
   * @param cls [B · D]
   * @param mean [B · D]
   */
  private record Pooled(NDArray tokens, float[] cls, float[] mean) {}

  private Pooled pooled(NDManager manager, NDArray x) {
    boolean poolsFirst = network.config() instanceof ClassifierConfig tuned && tuned.meanPooling();
    NDArray tokens = poolsFirst ? x : vit.norm(manager, x, "norm");
    NDList pooled = kernels.callForAll(manager, "pooled", new NDArray[] {tokens});
    NDArray average = poolsFirst ? vit.norm(manager, pooled.get(1), "fc_norm") : pooled.get(1);
    return new Pooled(tokens, pooled.get(0).toFloatArray(), average.toFloatArray());
  }

  @Override
  public void close() {
    state.close();
  }
}
