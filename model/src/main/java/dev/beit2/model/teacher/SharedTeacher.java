package dev.beit2.model.teacher;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;

/** A teacher that others use, too; see {@link Teacher#shared}. */
record SharedTeacher(Teacher teacher, Runnable release) implements Teacher {
  @Override
  public int dimension() {
    return teacher.dimension();
  }

  @Override
  public int imageSize() {
    return teacher.imageSize();
  }

  @Override
  public int grid() {
    return teacher.grid();
  }

  @Override
  public NDArray features(NDManager manager, NDArray images) {
    return teacher.features(manager, images);
  }

  @Override
  public void close() {
    release.run();
  }
}
