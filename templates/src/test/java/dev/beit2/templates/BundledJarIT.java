package dev.beit2.templates;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Collection;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.jar.JarFile;
import java.util.stream.Stream;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;

/** What is in the jar of the launcher and the workers. */
@Tag("slow")
final class BundledJarIT {
  private static final Path BUNDLED = Path.of("target/beit2-dataflow.jar");

  /** The jars that went into it, but this project's own of this folder. */
  private static List<Path> jars() throws IOException {
    String classPath = Files.readString(Path.of("target/classpath")).strip();
    return Stream.of(classPath.split(File.pathSeparator)).map(Path::of).toList();
  }

  private static Map<String, Long> entries(Path jar) throws IOException {
    Map<String, Long> entries = new HashMap<>();
    try (JarFile file = new JarFile(jar.toFile())) {
      file.stream().forEach(entry -> entries.put(entry.getName(), entry.getCrc()));
    }
    return entries;
  }

  @Test
  void allClassesAreInItOnce() throws IOException {
    Map<String, Long> bundled = entries(BUNDLED);
    Map<String, String> different = new TreeMap<>();
    Map<String, Long> seen = new HashMap<>();
    for (Path jar : jars()) {
      entries(jar)
          .forEach(
              (name, crc) -> {
                if (name.endsWith(".class") && !name.endsWith("module-info.class")) {
                  assertTrue(bundled.containsKey(name), jar + ": " + name);
                  Long before = seen.put(name, crc);
                  if (before != null && !before.equals(crc)) {
                    different.put(name, jar.getFileName().toString());
                  }
                }
              });
    }
    assertEquals(Map.of(), different, "in several jars, and not the same");
    for (String runner : List.of("flink.FlinkRunner", "dataflow.DataflowRunner")) {
      String file = "org/apache/beam/runners/" + runner.replace('.', '/') + ".class";
      assertTrue(bundled.containsKey(file), file);
    }
    assertTrue(bundled.keySet().stream().anyMatch(name -> name.matches(".*libdjl_torch\\.so")));
  }

  @Test
  void servicesAreMergedAndSignaturesGone() throws IOException {
    Set<String> wanted = services(jars());
    assertTrue(
        wanted.contains(
            "org.apache.beam.sdk.runners.PipelineRunnerRegistrar"
                + " org.apache.beam.runners.dataflow.DataflowPipelineRegistrar$Runner"),
        wanted::toString);
    assertEquals(wanted, services(List.of(BUNDLED)));
    assertEquals(
        List.of(),
        entries(BUNDLED).keySet().stream()
            .filter(name -> name.matches("META-INF/.*\\.(SF|DSA|RSA)"))
            .toList());
  }

  /** Lines {@code SERVICE IMPLEMENTATION}. */
  private static Set<String> services(Collection<Path> jars) throws IOException {
    Set<String> services = new HashSet<>();
    for (Path jar : jars) {
      try (JarFile file = new JarFile(jar.toFile())) {
        for (String name : entries(jar).keySet()) {
          if (name.matches("META-INF/services/[^/]+")) {
            String service = name.substring(name.lastIndexOf('/') + 1);
            byte[] text = file.getInputStream(file.getJarEntry(name)).readAllBytes();
            new String(text, UTF_8)
                .lines()
                .map(line -> line.replaceFirst("#.*", "").strip())
                .filter(line -> !line.isEmpty())
                .forEach(line -> services.add(service + " " + line));
          }
        }
      }
    }
    return services;
  }
}
