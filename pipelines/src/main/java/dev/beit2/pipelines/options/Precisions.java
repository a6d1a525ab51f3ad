package dev.beit2.pipelines.options;

import dev.beit2.model.torch.Precision;
import java.util.Locale;

/** {@code --precision} as it is typed. */
public final class Precisions {
  private Precisions() {}

  public static Precision parse(String option) {
    return Precision.valueOf(option.toUpperCase(Locale.ROOT));
  }
}
