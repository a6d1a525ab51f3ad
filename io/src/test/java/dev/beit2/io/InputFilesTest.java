package dev.beit2.io;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assumptions.assumeTrue;

import dev.beit2.io.InputFiles.Found;
import dev.beit2.io.InputFiles.InputFile;
import dev.beit2.io.InputFiles.Unreadable;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.List;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class InputFilesTest {
  @TempDir Path folder;

  @BeforeEach
  void makeFiles() throws IOException {
    for (String name : List.of("a/s-08.tar", "a/s-09.tar", "a/s-10.tar", "b/s-08.tar", "x.jpg")) {
      Path file = folder.resolve(name);
      Files.createDirectories(file.getParent());
      Files.writeString(file, name);
    }
  }

  private List<String> names(String spec) {
    return InputFiles.match(folder + spec).stream().map(InputFile::name).toList();
  }

  @Test
  void bracesAreExpanded() {
    assertEquals(
        List.of("s-08.tar", "s-09.tar", "s-10.tar"),
        BraceExpansion.expand("s-{08..10}.tar").expanded());
    assertEquals(List.of("8", "9", "10"), BraceExpansion.expand("{8..10}").expanded());
    assertEquals(
        List.of("a1", "a2", "b", "c*/x"), BraceExpansion.expand("{a{1,2},b,c*/x}").expanded());
    assertEquals(List.of("plain"), BraceExpansion.expand("plain").expanded());
    assertThrows(InvalidInputException.class, () -> BraceExpansion.expand("{a,b"));
    assertThrows(InvalidInputException.class, () -> BraceExpansion.expand("{5..3}"));
    assertThrows(InvalidInputException.class, () -> BraceExpansion.expand("{0..9999999}"));
    assertThrows(InvalidInputException.class, () -> BraceExpansion.expand("{0..9999}{0..9999}"));
  }

  @Test
  void filesAreFoundOnceAndByTheirPathsBelowTheRoot() {
    assertEquals(List.of("s-08.tar"), names("/a/s-08.tar"));
    assertEquals(List.of("s-08.tar", "s-09.tar", "s-10.tar"), names("/a/s-{08..10}.tar"));
    assertEquals(List.of("a/s-08.tar", "b/s-08.tar"), names("/*/s-08.tar"));
    assertEquals(List.of("a/s-08.tar", "a/s-09.tar", "b/s-08.tar"), names("/{a,b,a}/s-0?.tar"));
    assertEquals(List.of("s-08.tar"), names("/a/s-{07,08}.tar"));
    assertEquals(List.of(), names("/a"));
    assertEquals("a/s-08.tar".length(), InputFiles.match(folder + "/a/s-08.tar").get(0).bytes());
  }

  @Test
  void aNumberedRangeMustBeComplete() {
    InvalidInputException error =
        assertThrows(InvalidInputException.class, () -> names("/a/s-{08..12}.tar"));
    assertEquals("nothing at " + folder + "/a/s-11.tar (2 of 5 files missing)", error.found());
  }

  /** Beam would walk through all below the nearest existing folder, here the root. */
  @Test
  void missingLocalFoldersAreNotSearchedFor() {
    assertTimeoutPreemptively(
        Duration.ofSeconds(5),
        () -> {
          for (String spec : List.of("/absent/*/x", "/absent/x.tar", "/absent/{a,b}/**")) {
            assertEquals(List.of(), InputFiles.match(spec));
          }
        });
    assertFalse(InputFiles.exists("/absent/x"));
    assertTrue(InputFiles.exists(folder.toString()));
    assertTrue(InputFiles.exists("file://" + folder + "/x.jpg"));
  }

  /** What exists is no pattern, and below it patterns are. */
  @Test
  void aPathIsAPath() throws IOException {
    for (String name : List.of("p [v2]/{a,b}.tar", "p [v2]/*/x?.jpg", "p [v2]/*/xy.jpg")) {
      Path file = folder.resolve(name);
      Files.createDirectories(file.getParent());
      Files.writeString(file, name);
    }
    assertEquals(List.of("{a,b}.tar"), names("/p [v2]/{a,b}.tar"));
    assertEquals(List.of("x?.jpg"), names("/p [v2]/*/x?.jpg"));
    assertEquals(List.of("x?.jpg", "xy.jpg"), names("/p [v2]/*/x[?y]*"));
    assertEquals(3, InputFiles.below(folder + "/p [v2]").files().size());
    assertFalse(InputFiles.isGlob(folder + "/p [v2]/*"));
    assertTrue(InputFiles.isGlob(folder + "/p [v3]/*"));
    assertEquals(List.of(), names("/p [v3"));
  }

  @Test
  void fileSchemesAreLocalPaths() {
    for (String scheme : List.of("file:", "file://")) {
      assertEquals(
          InputFiles.match(folder + "/a/*"), InputFiles.match(scheme + folder + "/a/*"), scheme);
    }
    assertEquals(Path.of("a/b"), InputFiles.local("file:a/b").orElseThrow());
    for (String path : List.of("s3://bucket/train", "file://host/train")) {
      InvalidInputException error =
          assertThrows(InvalidInputException.class, () -> InputFiles.match(path));
      assertTrue(error.found().startsWith("no file system for "), error.found());
    }
  }

  @Test
  void linksMayLoop() throws IOException {
    Files.createSymbolicLink(folder.resolve("a/up"), folder);
    Files.createSymbolicLink(folder.resolve("self"), folder.resolve("self"));
    Files.createSymbolicLink(folder.resolve("c"), folder.resolve("a"));
    Found found = InputFiles.below(folder.toString());
    assertEquals(
        List.of("a/s-08.tar", "a/s-09.tar", "a/s-10.tar", "b/s-08.tar"),
        found.files().stream().map(InputFile::name).limit(4).toList());
    assertEquals(8, found.files().size(), "c is another folder, though a link");
    assertEquals(List.of(new Unreadable("self", "a link to nothing")), found.unreadable());
  }

  @Test
  void whatCannotBeReadIsTold() throws Exception {
    Files.createSymbolicLink(folder.resolve("a/gone.tar"), folder.resolve("gone"));
    assumeTrue(new ProcessBuilder("mkfifo", folder + "/a/pipe").start().waitFor() == 0);
    List<Unreadable> expected =
        List.of(
            new Unreadable("a/gone.tar", "a link to nothing"),
            new Unreadable("a/pipe", "neither a file nor a folder"));
    assertEquals(expected, InputFiles.below(folder.toString()).unreadable());
    assertEquals(expected, InputFiles.find(folder + "/*/*").unreadable());
  }

  /** Java shows bytes that are no UTF-8 as a name by which the file cannot be opened. */
  @Test
  void namesThatAreNoTextAreTold() throws Exception {
    String make = "touch \"$0/a/$(printf 'V\\366gel').tar\"";
    assumeTrue(
        new ProcessBuilder("bash", "-c", make, folder.toString()).start().waitFor() == 0
            && InputFiles.encodingOfNames().equals("UTF-8"));
    Found found = InputFiles.below(folder + "/a");
    assertEquals(3, found.files().size());
    assertEquals(
        List.of(new Unreadable("V\uFFFDgel.tar", "a name that is not UTF-8")), found.unreadable());
  }

  @Test
  void hiddenNamesAreNoData() {
    for (String name :
        List.of(
            ".a.jpg", "x/._a.jpg", ".ipynb_checkpoints/a.jpg", "@eaDir/a.jpg", "x/__MACOSX/a")) {
      assertTrue(InputFiles.isHidden(name), name);
    }
    for (String name : List.of("a.jpg", "x/a", "eaDir/a..jpg", "_x/y.z/a")) {
      assertFalse(InputFiles.isHidden(name), name);
    }
  }
}
