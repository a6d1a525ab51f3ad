package dev.beit2.pipelines;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * The script {@code ./beit2} in a checkout of which only the script is real, on another's machine.
 */
final class LauncherTest {
  /** Prints its arguments and the environment. */
  private static final String JAVA =
      """
      #!/bin/sh
      if [ "$1" = -version ]; then echo 'openjdk version "17.0.1"' >&2; exit; fi
      echo 'opened' 3<>"$RECORD" >&3 || true
      printf 'argument %s\\n' "$@" && env
      """;

  private static final String MAVEN = "#!/bin/sh\necho Apache Maven 3.9.0\n";
  private static final String BUILDING = "building (the first time";

  @TempDir Path dir;
  private Path checkout;
  private Path source;

  private record Ended(int code, String out) {}

  @BeforeEach
  void makeCheckout() throws IOException {
    checkout = Files.createDirectories(dir.resolve("a folder/beit2"));
    Files.copy(Path.of("../beit2"), checkout.resolve("beit2"));
    executable(checkout.resolve("beit2"));
    Files.writeString(checkout.resolve("pom.xml"), "<jvm.opens>--add-opens=x/y=Z</jvm.opens>");
    Path library = Files.createFile(dir.resolve("library.jar"));
    Path target = Files.createDirectories(checkout.resolve("pipelines/target"));
    Files.writeString(target.resolve("classpath"), library.toString());
    source = Files.createDirectories(checkout.resolve("io/src/main")).resolve("A.java");
    Files.writeString(source, "class A {}");
    Files.copy(checkout.resolve("pom.xml"), checkout.resolve("io/pom.xml"));
    Path maven = Files.createDirectories(dir.resolve("maven")).resolve("mvn");
    Files.writeString(maven, MAVEN);
    executable(maven);
    Path java = Files.createDirectories(dir.resolve("jdk/bin")).resolve("java");
    Files.writeString(java, JAVA);
    executable(java);
    Files.copy(java, java.resolveSibling("javac"));
    executable(java.resolveSibling("javac"));
  }

  private static void executable(Path file) throws IOException {
    Files.setPosixFilePermissions(file, PosixFilePermissions.fromString("rwxr-xr-x"));
  }

  /** Runs a shell's line in the checkout's parent folder. */
  private Ended run(String line, Map<String, String> environment) throws Exception {
    ProcessBuilder shell =
        new ProcessBuilder("bash", "-c", line)
            .directory(checkout.getParent().toFile())
            .redirectErrorStream(true);
    shell
        .environment()
        .keySet()
        .removeIf(name -> name.matches("(LC|OMP|GOMP|MALLOC|GLIBC|BEIT2|TMPDIR).*"));
    shell.environment().put("JAVA_HOME", dir.resolve("jdk").toString());
    shell.environment().put("RECORD", dir.resolve("record").toString());
    shell.environment().merge("PATH", dir.resolve("maven") + ":", (path, maven) -> maven + path);
    shell.environment().putAll(environment);
    Process process = shell.start();
    String out = new String(process.getInputStream().readAllBytes(), UTF_8);
    return new Ended(process.waitFor(), out);
  }

  private List<String> lines(Map<String, String> environment) throws Exception {
    Ended ended = run("beit2/beit2 verify --shards='a b'", environment);
    assertEquals(0, ended.code(), ended.out());
    return ended.out().lines().toList();
  }

  @Test
  void itRunsTheClassesBesideItWhereverItLies() throws Exception {
    List<String> told = lines(Map.of("CDPATH", ".:..", "LANG", "C.UTF-8"));
    Path home = checkout.toRealPath();
    String classes =
        "argument %1$s/pipelines/target/classes:%1$s/io/target/classes:%1$s/model/target/classes:%2$s"
            .formatted(home, dir.resolve("library.jar"));
    assertTrue(told.contains(classes), told::toString);
    assertTrue(told.contains("argument --shards=a b"), told::toString);
    assertTrue(told.contains("argument -Xmx2g"), told::toString);
  }

  @Test
  void aReleaseRunsItsJarsAndBuildsNothing() throws Exception {
    Path release = Files.createDirectories(checkout.resolveSibling("a release/lib")).getParent();
    Files.copy(checkout.resolve("beit2"), release.resolve("beit2"));
    executable(release.resolve("beit2"));
    Files.writeString(release.resolve("lib/classpath"), "lib/a.jar:lib/b.jar");
    Files.writeString(release.resolve("lib/jvm-options"), "--add-opens=x/y=Z\n");
    Files.delete(dir.resolve("maven/mvn"));
    Ended ended = run("'a release/beit2' verify", Map.of("LANG", "C.UTF-8"));
    assertEquals(0, ended.code(), ended.out());
    List<String> told = ended.out().lines().toList();
    String classes = "argument %1$s/lib/beit2-pipelines.jar:%1$s/lib/a.jar:%1$s/lib/b.jar";
    assertTrue(told.contains(classes.formatted(release.toRealPath())), told::toString);
    assertTrue(told.contains("argument --add-opens=x/y=Z"), told::toString);
  }

  @Test
  void namesOfFilesAreUtf8() throws Exception {
    for (Map<String, String> bare : List.of(Map.of("LC_ALL", "C"), Map.of("LANG", "C"))) {
      assertTrue(
          lines(bare).stream().anyMatch(line -> line.matches("(?i)LC_ALL=.*utf-?8")), "" + bare);
    }
    assertFalse(
        lines(Map.of("LANG", "C.UTF-8")).stream().anyMatch(line -> line.startsWith("LC_ALL=")));
  }

  @Test
  void waitingThreadsSpinForAMomentUnlessTheUserSaysOtherwise() throws Exception {
    assertTrue(lines(Map.of()).contains("GOMP_SPINCOUNT=1000"));
    assertTrue(lines(Map.of("GOMP_SPINCOUNT", "7")).contains("GOMP_SPINCOUNT=7"));
    assertFalse(
        lines(Map.of("OMP_WAIT_POLICY", "ACTIVE")).stream()
            .anyMatch(line -> line.startsWith("GOMP_SPINCOUNT=")));
  }

  @Test
  void freedTensorsAreReturnedUnlessTheUserSaysOtherwise() throws Exception {
    List<String> told = lines(Map.of());
    assertTrue(told.contains("MALLOC_ARENA_MAX=2"), told::toString);
    assertTrue(told.contains("argument -XX:TrimNativeHeapInterval=5000"), told::toString);
    assertTrue(lines(Map.of("MALLOC_ARENA_MAX", "8")).contains("MALLOC_ARENA_MAX=8"));
    assertFalse(
        lines(Map.of("GLIBC_TUNABLES", "glibc.malloc.arena_max=4")).stream()
            .anyMatch(line -> line.startsWith("MALLOC_ARENA_MAX=")));
  }

  @Test
  void newJavasDoNotWarn() throws Exception {
    Path java = dir.resolve("jdk/bin/java");
    assertFalse(lines(Map.of()).contains("argument --enable-native-access=ALL-UNNAMED"));
    Files.writeString(java, JAVA.replace("17.0.1", "25"));
    List<String> told = lines(Map.of());
    assertTrue(told.contains("argument --enable-native-access=ALL-UNNAMED"), told::toString);
    assertTrue(told.contains("argument --sun-misc-unsafe-memory-access=allow"), told::toString);
  }

  @Test
  void foldersForTemporaryFilesAndNativeLibrariesCanBeChosen() throws Exception {
    List<String> told = lines(Map.of("TMPDIR", dir + "/my tmp", "BEIT2_CACHE", dir + "/my cache"));
    assertTrue(told.contains("argument -Djava.io.tmpdir=" + dir + "/my tmp"), told::toString);
    assertTrue(
        told.contains("argument -Dorg.bytedeco.javacpp.cachedir=" + dir + "/my cache/javacpp"),
        told::toString);
    assertTrue(told.contains("DJL_CACHE_DIR=" + dir + "/my cache/djl"), told::toString);
  }

  @Test
  void aHeapThatIsNoSizeIsRefused() throws Exception {
    lines(Map.of()); // builds
    for (String heap : List.of("4", "512m", "2G")) {
      assertTrue(lines(Map.of("BEIT2_HEAP", heap)).contains("argument -Xmx" + heap), heap);
    }
    for (String heap : List.of("big", "0", "4gb", "4 g", "-1g", "g")) {
      Ended ended = run("beit2/beit2 help", Map.of("BEIT2_HEAP", heap));
      assertEquals(2, ended.code(), heap);
      assertTrue(ended.out().startsWith("beit2: BEIT2_HEAP=" + heap + ": found"), ended.out());
      assertEquals(1, ended.out().lines().count(), ended.out());
    }
  }

  @Test
  void whatHasChangedIsBuilt() throws Exception {
    assertTrue(run("beit2/beit2 help", Map.of()).out().startsWith(BUILDING));
    assertFalse(run("beit2/beit2 help", Map.of()).out().contains(BUILDING));
    // A copy with new times, which lies elsewhere.
    String copied = "cp -r beit2 b && mv beit2 c && b/beit2 help";
    assertFalse(run(copied, Map.of()).out().contains(BUILDING));
    assertFalse(run("mv c beit2 && beit2/beit2 help", Map.of()).out().contains(BUILDING));
    Files.writeString(source, "class B {}");
    assertTrue(run("beit2/beit2 help", Map.of()).out().startsWith(BUILDING));
    Files.delete(dir.resolve("library.jar"));
    assertTrue(run("beit2/beit2 help", Map.of()).out().startsWith(BUILDING));
  }

  @Test
  void noFileThatIsOpenedBecomesAClosedStandardOutput() throws Exception {
    lines(Map.of()); // builds
    Files.delete(dir.resolve("record"));
    Ended ended = run("beit2/beit2 help >&- 2>&-", Map.of());
    assertTrue(ended.code() != 0, "writing to it is an error");
    assertEquals("opened\n", Files.readString(dir.resolve("record")));
  }
}
