package dev.beit2.model.teacher;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import dev.beit2.model.checkpoint.InvalidCheckpointException;
import dev.beit2.model.torch.Kernels;
import dev.beit2.model.torch.Normalization;
import dev.beit2.model.torch.ScriptModule;
import java.io.IOException;
import java.io.InputStream;

/** Any TorchScript program; see {@link Teacher#torchScript}. */
final class ScriptTeacher implements Teacher {
  private final Kernels kernels;
  private final ScriptModule module;
  private final int grid;
  private final int dimension;

  private ScriptTeacher(Kernels kernels, ScriptModule module, int grid, int dimension) {
    this.kernels = kernels;
    this.module = module;
    this.grid = grid;
    this.dimension = dimension;
  }

  static ScriptTeacher read(Kernels kernels, InputStream program, Normalization input)
      throws IOException {
    ScriptModule module = ScriptModule.load(program, input);
    try (NDManager manager = module.newManager()) {
      NDArray black = manager.zeros(new Shape(1, 3, input.size(), input.size()), DataType.FLOAT32);
      long[] shape = module.forward(kernels, manager, black).getShape().getShape();
      long grid = shape.length == 3 ? Math.round(Math.sqrt(shape[1])) : 0;
      if (shape.length != 3 || shape[0] != 1 || grid * grid != shape[1] || grid == 0) {
        throw new InvalidCheckpointException(
            "found a program that makes %s of an image of %d pixels; wanted [1, N, D] for a square of"
                    .formatted(new Shape(shape), input.size())
                + " N patches");
      }
      return new ScriptTeacher(kernels, module, (int) grid, (int) shape[2]);
    } catch (IOException | RuntimeException e) {
      module.close();
      throw e;
    }
  }

  @Override
  public int dimension() {
    return dimension;
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
  public NDArray features(NDManager manager, NDArray images) {
    return kernels.call(manager, "float32", module.forward(kernels, manager, images));
  }

  @Override
  public void close() {
    module.close();
  }
}
