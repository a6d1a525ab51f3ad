package dev.beit2.model.teacher;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;

/** A teacher around another one, which computes the features. */
interface WrappedTeacher extends Teacher {
  /** The teacher that computes the features. */
  Teacher teacher();

  @Override
  default int dimension() {
    return teacher().dimension();
  }

  @Override
  default int imageSize() {
    return teacher().imageSize();
  }

  @Override
  default int grid() {
    return teacher().grid();
  }

  @Override
  default NDArray features(NDManager manager, NDArray images) {
    return teacher().features(manager, images);
  }

  @Override
  default void close() {
    teacher().close();
  }
}
