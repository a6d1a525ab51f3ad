package dev.beit2.model.recipe;

import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;

/** Recipes by the name of their preset, smallest first. */
final class Presets {
  private Presets() {}

  @SafeVarargs
  static <R> Map<String, R> inOrder(Map.Entry<String, R>... presets) {
    Map<String, R> byName = new LinkedHashMap<>();
    for (Map.Entry<String, R> preset : presets) {
      byName.put(preset.getKey(), preset.getValue());
    }
    return Collections.unmodifiableMap(byName);
  }

  static <R> R get(Map<String, R> presets, String name) {
    R recipe = presets.get(name);
    if (recipe == null) {
      throw new IllegalArgumentException(
          "no preset %s; there are %s".formatted(name, String.join(", ", presets.keySet())));
    }
    return recipe;
  }
}
