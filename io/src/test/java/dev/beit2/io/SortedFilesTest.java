package dev.beit2.io;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class SortedFilesTest {
  @Test
  void anyOrderBecomesThatOfNames() throws IOException {
    for (int count : new int[] {0, 1, 9, 10, 11, 1000}) {
      List<String> names = new ArrayList<>();
      for (int i = 0; i < count; i++) {
        names.add("folder-" + i % 7 + "/ü" + i + ".jpg");
      }
      List<String> sorted = names.stream().sorted().toList();
      assertEquals(sorted, through(sorted));
      Collections.shuffle(names, new Random(count));
      assertEquals(sorted, through(names));
      Collections.sort(names, Collections.reverseOrder());
      assertEquals(sorted, through(names));
    }
  }

  private static List<String> through(List<String> names) throws IOException {
    List<String> found = new ArrayList<>();
    try (SortedFiles files = new SortedFiles(10)) {
      for (String name : names) {
        files.add(name, name.hashCode());
      }
      assertEquals(names.size(), files.size());
      files.forEach(
          (name, bytes) -> {
            assertEquals(name.hashCode(), bytes);
            found.add(name);
          });
    }
    return found;
  }
}
