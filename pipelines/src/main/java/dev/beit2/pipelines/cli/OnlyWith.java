package dev.beit2.pipelines.cli;

import java.lang.annotation.ElementType;
import java.lang.annotation.Retention;
import java.lang.annotation.RetentionPolicy;
import java.lang.annotation.Target;

/** Says that an option has an effect only with some values of another one. */
@Retention(RetentionPolicy.RUNTIME)
@Target(ElementType.METHOD)
public @interface OnlyWith {
  /** The other option, without dashes. */
  String option();

  /** Its values, as they are typed. */
  String[] values();
}
