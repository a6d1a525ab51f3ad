package dev.beit2.templates;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.stream.Stream;

/** Four sample photographs of two classes. */
final class Photographs {
  private static final Path SAMPLES = Path.of("../pipelines/samples/train");

  private Photographs() {}

  /** Puts them into a bucket, as {@code images/CLASS/NAME}. */
  static void upload(Bucket bucket) throws IOException {
    for (Path file : files()) {
      bucket.objects.put("images/" + name(file), Files.readAllBytes(file));
    }
  }

  /** Puts them into a folder, as {@code CLASS/NAME}. */
  static void copy(Path folder) throws IOException {
    for (Path file : files()) {
      Path copy = folder.resolve(name(file));
      Files.createDirectories(copy.getParent());
      Files.copy(file, copy);
    }
  }

  private static String name(Path file) {
    return SAMPLES.relativize(file).toString();
  }

  private static List<Path> files() throws IOException {
    List<Path> files = new ArrayList<>();
    for (String name : List.of("bird", "flower")) {
      try (Stream<Path> all = Files.list(SAMPLES.resolve(name))) {
        files.addAll(all.sorted().limit(2).toList());
      }
    }
    return files;
  }
}
