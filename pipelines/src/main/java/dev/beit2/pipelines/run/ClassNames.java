package dev.beit2.pipelines.run;

import com.fasterxml.jackson.core.JsonProcessingException;
import dev.beit2.io.Json;
import dev.beit2.io.store.StoredFile;
import dev.beit2.pipelines.cli.InvalidOptionException;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** Writes, reads and compares the names of the classes. */
public final class ClassNames {
  static final String FILE = "class_to_idx.json";

  private static final int SHOWN = 10;

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

  /**
   * Requires that two sets have the same classes, as far as their names are known: some formats
   * number the classes and do not name them.
   *
   * @param option the given option of the set, such as {@code --validation=images}
   * @param classes of the set, by label
   * @param first the given option of the set that came before
   * @param wanted classes of the set that came before, by label
   * @throws InvalidOptionException if both have names and they differ
   */
  public static void requireSame(
      String option, List<String> classes, String first, List<String> wanted) {
    if (!wanted.isEmpty() && !classes.isEmpty() && !classes.equals(wanted)) {
      throw new InvalidOptionException(
          option,
          "the classes " + someOf(classes),
          "those of %s: %s".formatted(first, someOf(wanted)));
    }
  }

  private static String someOf(List<String> classes) {
    return classes.size() <= SHOWN
        ? String.join(", ", classes)
        : String.join(", ", classes.subList(0, SHOWN)) + ", … (" + classes.size() + ")";
  }
}
