package dev.beit2.pipelines.run;

import com.fasterxml.jackson.core.JsonProcessingException;
import dev.beit2.io.Json;
import dev.beit2.io.store.StoredFile;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** Writes and reads the names of the classes. */
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

  /**
   * The names by label that {@link #write} has written; empty if there are none. What is no such
   * file has no names either: they are for people.
   */
  public static List<String> read(String folder) throws IOException {
    StoredFile file = StoredFile.in(folder, FILE);
    if (!file.exists()) {
      return List.of();
    }
    Map<Integer, String> names = new TreeMap<>();
    try {
      Json.object(file.readText())
          .forEach(
              (name, label) -> {
                if (label instanceof Integer number) {
                  names.put(number, name);
                }
              });
    } catch (JsonProcessingException e) {
      return List.of();
    }
    boolean dense = !names.isEmpty() && names.keySet().stream().allMatch(i -> i < names.size());
    return dense && names.containsKey(0) ? List.copyOf(names.values()) : List.of();
  }
}
