package dev.beit2.pipelines.cli;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/**
 * Marks an option that is the path of a file or folder. A job of a template runs on other machines
 * than its launcher, so there such paths must be {@code gs://…}.
 */
@Retention(RetentionPolicy.RUNTIME)
@Target(ElementType.METHOD)
public @interface Location {
  /** What a path leads to. */
  enum Kind {
    /** A file, a folder or a pattern that is read. */
    INPUT,
    /** A folder that is read. */
    INPUT_FOLDER,
    /** A folder that is written. */
    OUTPUT_FOLDER
  }

  Kind value();

  /** What may stand before the path, such as {@code torchscript:}. */
  String[] prefixes() default {};

  /** Whether a prefix must stand there. */
  boolean needsPrefix() default false;

  /** What may stand instead of a path. */
  String[] words() default {};
}
