package dev.beit2.pipelines.cli;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/** The numbers that an option accepts, both ends included. */
@Retention(RetentionPolicy.RUNTIME)
@Target(ElementType.METHOD)
public @interface Range {
  /** Smallest number. */
  double min();

  /** Largest number; no limit by default. */
  double max() default Double.POSITIVE_INFINITY;
}
