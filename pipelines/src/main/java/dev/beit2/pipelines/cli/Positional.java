package dev.beit2.pipelines.cli;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/**
 * Marks the option that is given without its name: {@code ./beit2 cluster start} for {@code
 * --action=start}. A command has at most one such option.
 */
@Retention(RetentionPolicy.RUNTIME)
@Target(ElementType.METHOD)
public @interface Positional {
  /** Whether several values may be given. The option is then a text with a line for each. */
  boolean several() default false;
}
