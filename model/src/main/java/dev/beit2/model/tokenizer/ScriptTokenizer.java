package dev.beit2.model.tokenizer;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import dev.beit2.model.checkpoint.InvalidCheckpointException;
import dev.beit2.model.checkpoint.Sha256Channel;
import dev.beit2.model.torch.Kernels;
import dev.beit2.model.torch.Normalization;
import dev.beit2.model.torch.ScriptModule;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.ReadableByteChannel;
import java.util.Locale;

/** Any TorchScript program; see {@link Tokenizer#torchScript}. */
final class ScriptTokenizer implements Tokenizer {
  private final Kernels kernels;
  private final ScriptModule module;
  private final int grid;
  private final int codebookSize;
  private final String digest;

  private ScriptTokenizer(
      Kernels kernels, ScriptModule module, int grid, int codebookSize, String digest) {
    this.kernels = kernels;
    this.module = module;
    this.grid = grid;
    this.codebookSize = codebookSize;
    this.digest = digest;
  }

  static ScriptTokenizer read(
      Kernels kernels, ReadableByteChannel program, Normalization input, int codebookSize)
      throws IOException {
    Sha256Channel in = new Sha256Channel(program);
    ScriptModule module = ScriptModule.load(Channels.newInputStream(in), input);
    try {
      int grid = grid(kernels, module);
      return new ScriptTokenizer(kernels, module, grid, codebookSize, in.digest());
    } catch (IOException | RuntimeException e) {
      module.close();
      throw e;
    }
  }

  /** Patches along a side, from the codes of two black images: some programs take only one. */
  private static int grid(Kernels kernels, ScriptModule module) throws InvalidCheckpointException {
    int side = module.imageSize();
    try (NDManager manager = module.newManager()) {
      NDArray black = manager.zeros(new Shape(2, 3, side, side), DataType.FLOAT32);
      NDArray found = module.forward(kernels, manager, black);
      long[] shape = found.getShape().getShape();
      int grid = shape.length == 2 ? (int) Math.round(Math.sqrt(shape[1])) : 0;
      if (!isInteger(found) || grid == 0 || shape[0] != 2 || (long) grid * grid != shape[1]) {
        throw new InvalidCheckpointException(
            "found a program that makes %s of two images of %d pixels; wanted [2, N] codes, int64 or int32, of a square of N patches"
                .formatted(shown(found), side));
      }
      if (side % grid != 0) {
        throw new InvalidCheckpointException(
            "found %1$d x %1$d codes of an image of %2$d pixels; wanted patches of whole pixels"
                .formatted(grid, side));
      }
      return grid;
    }
  }

  private static boolean isInteger(NDArray tensor) {
    return tensor.getDataType() == DataType.INT64 || tensor.getDataType() == DataType.INT32;
  }

  private static String shown(NDArray tensor) {
    return tensor.getDataType().name().toLowerCase(Locale.ROOT) + " " + tensor.getShape();
  }

  @Override
  public String digest() {
    return digest;
  }

  @Override
  public int imageSize() {
    return module.imageSize();
  }

  @Override
  public int grid() {
    return grid;
  }

  @Override
  public int codebookSize() {
    return codebookSize;
  }

  @Override
  public void encode(ByteBuffer images, int batch, int[] codes) {
    int side = imageSize();
    try (NDManager manager = module.newManager()) {
      NDArray input = manager.create(images, new Shape(batch, 3, side, side), DataType.FLOAT32);
      NDArray found = module.forward(kernels, manager, input);
      if (!isInteger(found) || !found.getShape().equals(new Shape(batch, (long) grid * grid))) {
        throw new InvalidCodesException(
            "%s of %d images, and [2, %d] of two".formatted(shown(found), batch, grid * grid));
      }
      long[] values = found.toType(DataType.INT64, false).toLongArray();
      for (int i = 0; i < values.length; i++) {
        if (values[i] < 0 || values[i] >= codebookSize) {
          throw new InvalidCodesException("the code " + values[i]);
        }
        codes[i] = (int) values[i];
      }
    }
  }

  @Override
  public void close() {
    module.close();
  }
}
