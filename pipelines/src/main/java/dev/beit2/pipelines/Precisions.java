package dev.beit2.pipelines;

import dev.beit2.model.torch.Precision;
import java.util.Locale;

/** {@code --precision} as it is typed. */
final class Precisions {
  private Precisions() {}

  static Precision parse(String option) {
    return Precision.valueOf(option.toUpperCase(Locale.ROOT));
  }
}
