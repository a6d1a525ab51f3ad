package dev.beit2.pipelines.run;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.Random;
import org.apache.commons.compress.utils.SeekableInMemoryByteChannel;
import org.junit.jupiter.api.Test;

class LastLinesTest {

  private static List<String> backwards(String text) throws IOException {
    LastLines lines = new LastLines(new SeekableInMemoryByteChannel(text.getBytes(UTF_8)));
    List<String> found = new ArrayList<>();
    while (true) {
      long end = lines.position();
      Optional<String> line = lines.previous();
      if (line.isEmpty()) {
        assertEquals(0, end);
        return found;
      }
      assertEquals(end - 1 - line.get().getBytes(UTF_8).length, lines.position());
      found.add(line.get());
    }
  }

  @Test
  void linesAreReadBackwardsWithoutAnUnfinishedOne() throws IOException {
    assertEquals(List.of(), backwards(""));
    assertEquals(List.of(), backwards("half"));
    assertEquals(List.of("", "é", "one"), backwards("one\né\n\n"));
    assertEquals(List.of("two", "one"), backwards("one\ntwo\nhalf"));
    assertEquals(List.of("", ""), backwards("\n\nhalf"));
  }

  @Test
  void linesMayBeLongerThanABlock() throws IOException {
    Random random = new Random(0);
    for (int trial = 0; trial < 20; trial++) {
      List<String> lines = new ArrayList<>();
      for (int i = 0; i < 20; i++) {
        int length = random.nextInt(1 << random.nextInt(18));
        lines.add(Character.toString('a' + i).repeat(length));
      }
      String text = String.join("\n", lines) + "\n" + "half".repeat(random.nextInt(40_000));
      Collections.reverse(lines);
      assertEquals(lines, backwards(text));
    }
  }
}
