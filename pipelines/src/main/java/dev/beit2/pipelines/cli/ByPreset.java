package dev.beit2.pipelines.cli;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/**
 * The default of an option whose recipe differs between the values of {@code --preset}; empty means
 * none.
 */
@Retention(RetentionPolicy.RUNTIME)
@Target(ElementType.METHOD)
public @interface ByPreset {
  /** With {@code --preset=tiny}. */
  String tiny() default "";

  /** With {@code --preset=base}. */
  String base() default "";

  /** With {@code --preset=large}. */
  String large() default "";

  /**
   * Another option that says the same in another unit: where it is given, there is no default, and
   * giving both is an error.
   */
  String insteadOf() default "";
}
