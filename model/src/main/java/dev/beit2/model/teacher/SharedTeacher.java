package dev.beit2.model.teacher;

/** A teacher that others use, too; see {@link Teacher#shared}. */
record SharedTeacher(Teacher teacher, Runnable release) implements WrappedTeacher {
  @Override
  public void close() {
    release.run();
  }
}
