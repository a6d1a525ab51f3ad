package dev.beit2.pipelines.run;

import dev.beit2.io.Json;
import dev.beit2.io.store.StoredFile;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Writes the names of the classes. */
public final class ClassNames {
  static final String FILE = "class_to_idx.json";

  private ClassNames() {}

  /**
   * Writes {@code class_to_idx.json}, which maps names to labels as in torchvision. Does nothing if
   * there are no names.
   */
  public static void write(String output, List<String> classes) throws IOException {
    if (classes.isEmpty()) {
      return;
    }
    Map<String, Integer> labels = new LinkedHashMap<>();
    for (int label = 0; label < classes.size(); label++) {
      String name = classes.get(label);
      labels.put(labels.containsKey(name) ? name + " (" + label + ")" : name, label);
    }
    StoredFile.in(output, FILE).write(Json.pretty(labels));
  }
}
