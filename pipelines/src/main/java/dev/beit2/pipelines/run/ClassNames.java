package dev.beit2.pipelines.run;

import dev.beit2.io.Json;
import dev.beit2.io.image.source.ImageSource;
import dev.beit2.io.store.StoredFile;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** The names of the labels, kept beside what was made of the images. */
public final class ClassNames {
  static final String FILE = "class_to_idx.json";

  private ClassNames() {}

  /**
   * Writes {@code class_to_idx.json}, labels by name, as torchvision calls it; not if there are no
   * names.
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

  /** Folders without classes are meant so; archives without labels may be a mistake. */
  public static void warnOfNone(String stage, ImageSource source, ImageSource.Summary images) {
    if (images.unlabelled() != null && source.format() != ImageSource.Format.FOLDER) {
      System.err.printf("[%s] note: %s%n", stage, images.unlabelled());
    }
  }
}
