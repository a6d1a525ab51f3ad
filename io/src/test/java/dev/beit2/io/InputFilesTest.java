package dev.beit2.io;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTimeoutPreemptively;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.beit2.io.InputFiles.InputFile;
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
}
