package dev.beit2.pipelines.cluster;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.File;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.LocalDateTime;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.jar.JarFile;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import org.junit.jupiter.api.BeforeAll;
import org.junit.jupiter.api.Test;

/** What the jobs' jar brings to a cluster, and what Flink's class path has there. */
final class JobJarIT {
  private static final Pattern LAUNCHER_ONLY =
      Pattern.compile("dev/beit2/pipelines/(bench/|demo/|doctor/|report/|Beit2)[A-Za-z]*");

  private static Set<String> job;
  private static List<Path> flink;
  private static List<Path> all;

  @BeforeAll
  static void read() throws IOException {
    job = entries(Path.of("target/beit2-job.jar"));
    flink = classPath("target/flink-lib-classpath");
    all = classPath("target/classpath");
  }

  private static Set<String> entries(Path jar) throws IOException {
    try (JarFile file = new JarFile(jar.toFile())) {
      return file.stream().map(entry -> entry.getName()).collect(Collectors.toSet());
    }
  }

  /** Classes and resources that are not about the jar itself, of which several jars have one. */
  private static Set<String> classes(Path jar) throws IOException {
    return entries(jar).stream()
        .filter(name -> name.endsWith(".class") && !name.endsWith("module-info.class"))
        .collect(Collectors.toSet());
  }

  private static List<Path> classPath(String file) throws IOException {
    return List.of(Files.readString(Path.of(file)).strip().split(File.pathSeparator)).stream()
        .map(Path::of)
        .toList();
  }

  private static boolean isNative(String name) {
    return name.matches(".*\\.(so|dll|dylib|jnilib)(\\.[0-9.]+)?");
  }

  @Test
  void eachJarIsEitherOnFlinksClassPathOrInTheJobsJar() throws IOException {
    assertTrue(all.containsAll(flink));
    assertTrue(flink.size() > 20 && all.size() - flink.size() > 50, all + " " + flink);
    for (Path jar : all) {
      Set<String> classes = classes(jar);
      if (flink.contains(jar)) {
        classes.retainAll(job);
        assertEquals(Set.of(), classes, "also in the jobs' jar: " + jar);
      } else {
        classes.removeAll(job);
        assertEquals(Set.of(), classes, "in neither: " + jar);
      }
    }
  }

  @Test
  void benchmarksAndTheDemoStayOutside() {
    assertTrue(job.contains("dev/beit2/pipelines/generate/GenerateImages.class"));
    assertEquals(
        List.of(), job.stream().filter(name -> LAUNCHER_ONLY.matcher(name).find()).toList());
    assertFalse(job.stream().anyMatch(name -> name.matches("dev/beit2/pipelines/.*\\.py")));
  }

  /** Names of classes stand in a class file as they are, with slashes. */
  @Test
  void noClassInTheJarRefersToAClassOutside() throws IOException {
    List<String> referring = new ArrayList<>();
    try (JarFile file = new JarFile("target/beit2-job.jar")) {
      for (String name : job) {
        if (name.startsWith("dev/beit2/") && name.endsWith(".class")) {
          byte[] bytes = file.getInputStream(file.getJarEntry(name)).readAllBytes();
          if (LAUNCHER_ONLY.matcher(new String(bytes, StandardCharsets.ISO_8859_1)).find()) {
            referring.add(name);
          }
        }
      }
    }
    assertEquals(List.of(), referring);
  }

  @Test
  void theJobsJarHasNoNativeLibrary() throws IOException {
    assertEquals(List.of(), job.stream().filter(JobJarIT::isNative).toList());
  }

  /** A job that brings such classes nevertheless gets Flink's. */
  @Test
  void classesThatLoadNativeLibrariesComeFromFlink() throws IOException {
    Set<String> prefixes = new HashSet<>(LocalCluster.PARENT_FIRST);
    // In Flink's own list of such packages, or used by Flink alone.
    prefixes.addAll(List.of("org.apache.flink.", "one."));
    for (Path jar : flink) {
      if (entries(jar).stream().anyMatch(JobJarIT::isNative)) {
        for (String name : classes(jar)) {
          String type = name.replaceFirst("^META-INF/versions/\\d+/", "").replace('/', '.');
          assertTrue(prefixes.stream().anyMatch(type::startsWith), jar + ": " + type);
        }
      }
    }
  }

  @Test
  void servicesOfAllJarsAreMerged() throws IOException {
    Set<String> found = services(List.of(Path.of("target/beit2-job.jar")));
    Set<String> wanted = services(all.stream().filter(jar -> !flink.contains(jar)).toList());
    assertTrue(
        wanted.contains(
            "org.apache.beam.sdk.io.FileSystemRegistrar dev.beit2.io.store.ObjectStoreRegistrar"),
        wanted::toString);
    assertEquals(wanted, found);
  }

  /** Lines {@code SERVICE IMPLEMENTATION}. */
  private static Set<String> services(List<Path> jars) throws IOException {
    Set<String> services = new HashSet<>();
    for (Path jar : jars) {
      try (JarFile file = new JarFile(jar.toFile())) {
        for (String name : entries(jar)) {
          if (name.matches("META-INF/services/[^/]+")) {
            String service = name.substring(name.lastIndexOf('/') + 1);
            byte[] text = file.getInputStream(file.getJarEntry(name)).readAllBytes();
            new String(text, StandardCharsets.UTF_8)
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

  @Test
  void signaturesOfTheJarsAreRemoved() {
    assertFalse(job.stream().anyMatch(name -> name.matches("META-INF/.*\\.(SF|DSA|RSA|EC)")));
    assertFalse(job.stream().anyMatch(name -> name.matches("META-INF/SIG-.*")));
  }

  /** A class that two jars bring is the same in both, so it does not matter which one is taken. */
  @Test
  void noClassHasTwoVersions() throws IOException {
    Map<String, Long> checksums = new HashMap<>();
    List<String> different = new ArrayList<>();
    for (Path jar : all) {
      if (flink.contains(jar)) {
        continue;
      }
      try (JarFile file = new JarFile(jar.toFile())) {
        file.stream()
            .filter(entry -> entry.getName().endsWith(".class"))
            .filter(entry -> !entry.getName().endsWith("module-info.class"))
            .filter(
                entry -> {
                  Long other = checksums.put(entry.getName(), entry.getCrc());
                  return other != null && other != entry.getCrc();
                })
            .forEach(entry -> different.add(jar + ": " + entry.getName()));
      }
    }
    assertEquals(List.of(), different);
  }

  /** What lies in the jar twice would be found by some tools and not by others. */
  @Test
  void noEntryIsThereTwice() throws IOException {
    try (JarFile file = new JarFile("target/beit2-job.jar")) {
      assertEquals(job.size(), file.stream().count());
    }
  }

  /** Times of the build, and the user's name, would make each build another file. */
  @Test
  void ourEntriesDoNotSayWhenAndByWhomTheyWereBuilt() throws IOException {
    Matcher timestamp =
        Pattern.compile("<project.build.outputTimestamp>(.*)</")
            .matcher(Files.readString(Path.of("../pom.xml")));
    assertTrue(timestamp.find());
    LocalDateTime wanted = LocalDateTime.parse(timestamp.group(1).replace("Z", ""));
    try (JarFile file = new JarFile("target/beit2-job.jar")) {
      List<String> others =
          file.stream()
              .filter(entry -> entry.getName().startsWith("dev/beit2/"))
              .filter(entry -> !entry.getTimeLocal().equals(wanted))
              .map(entry -> entry.getName() + " " + entry.getTimeLocal())
              .toList();
      assertEquals(List.of(), others);
      assertNull(file.getManifest().getMainAttributes().getValue("Built-By"));
    }
  }
}
