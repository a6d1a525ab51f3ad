package dev.beit2.model.eval;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import dev.beit2.model.checkpoint.InvalidCheckpointException;
import dev.beit2.model.checkpoint.ModelMetadata;
import dev.beit2.model.checkpoint.Safetensors;
import dev.beit2.model.mim.MaskedImageModel;
import dev.beit2.model.mim.MimConfig;
import dev.beit2.model.torch.Kernels;
import dev.beit2.model.torch.Precision;
import dev.beit2.model.torch.StateDict;
import dev.beit2.model.vit.ImageNet;
import dev.beit2.model.vit.Vit;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ReadableByteChannel;
import java.util.Map;

/** The transformer of a masked image model as a feature extractor. Safe for use by many threads. */
public final class Backbone implements AutoCloseable {
  private final MimConfig config;
  private final Kernels kernels;
  private final StateDict state;
  private final Vit vit;

  private Backbone(MimConfig config, Kernels kernels, StateDict state) {
    this.config = config;
    this.kernels = kernels;
    this.state = state;
    this.vit = new Vit(config.backbone(), kernels, state, "");
  }

  /**
   * Reads a checkpoint's {@code model.safetensors}.
   *
   * @throws InvalidCheckpointException if it is not exactly a masked image model's file
   */
  public static Backbone read(ReadableByteChannel model, Precision precision) throws IOException {
    Safetensors file =
        Safetensors.read(model, metadata -> MaskedImageModel.layout(config(metadata)));
    MimConfig config = config(file.metadata());
    Kernels kernels = Kernels.of(precision);
    file.tensors().convert(kernels, name -> name.startsWith("blocks."));
    return new Backbone(config, kernels, file.tensors());
  }

  private static MimConfig config(Map<String, String> metadata) throws InvalidCheckpointException {
    return ModelMetadata.of(metadata).config("mim", "a masked image model", MimConfig.class);
  }

  /** A backbone of the same shape at its initial values, as a baseline. */
  public Backbone untrained(long seed) {
    return new Backbone(config, kernels, MaskedImageModel.initialize(config, seed));
  }

  /** Side of its input images, in pixels. */
  public int imageSize() {
    return config.backbone().imageSize();
  }

  /** Width of a feature, D. */
  public int dim() {
    return config.backbone().dim();
  }

  /**
   * Features of a batch, after the last norm.
   *
   * @param images [B, 3, S, S] in [0, 1]: float32 in a direct buffer of native order
   * @param cls receives [CLS], B · D
   * @param mean receives the mean of the patch tokens, B · D
   */
  public void features(ByteBuffer images, int batch, float[] cls, float[] mean) {
    try (NDManager manager = state.newManager()) {
      NDArray input =
          manager.create(images, new Shape(batch, 3, imageSize(), imageSize()), DataType.FLOAT32);
      NDArray patches = vit.patchEmbed(manager, ImageNet.normalize(kernels, manager, input));
      NDArray x = vit.blocks(manager, vit.embed(manager, patches));
      NDList pooled =
          kernels.callForAll(manager, "pooled", new NDArray[] {vit.norm(manager, x, "norm")});
      System.arraycopy(pooled.get(0).toFloatArray(), 0, cls, 0, batch * dim());
      System.arraycopy(pooled.get(1).toFloatArray(), 0, mean, 0, batch * dim());
    }
  }

  @Override
  public void close() {
    state.close();
  }
}
