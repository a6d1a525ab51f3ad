package dev.beit2.model.teacher;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import dev.beit2.model.torch.Kernels;

/** Resizes images for another teacher; see {@link Teacher#resizing}. */
record ResizingTeacher(Kernels kernels, Teacher teacher) implements WrappedTeacher {
  @Override
  public NDArray features(NDManager manager, NDArray images) {
    boolean same = images.getShape().get(2) == imageSize();
    NDArray resized =
        same ? images : kernels.call(manager, "resize", images, kernels.number(imageSize()));
    return teacher.features(manager, resized);
  }
}
