package dev.beit2.io;

import static org.junit.jupiter.api.Assertions.assertEquals;

import org.junit.jupiter.api.Test;

class PlainTextTest {
  @Test
  void controlCharactersBecomeNumbers() {
    assertEquals("a\\u001b[2J\\u0007\\u009b\\u000a", PlainText.of("a\u001b[2J\u0007\u009b\n"));
    assertEquals("\\u202egpj.exe", PlainText.of("\u202egpj.exe"));
  }

  @Test
  void textStaysWhatItIs() {
    for (String text : new String[] {"", "Köln/日本.jpg", "a b\\u", "👩‍🔬"}) {
      assertEquals(text, PlainText.of(text));
    }
  }

  @Test
  void messagesHaveNone() {
    assertEquals(
        "found \\u001b[2J; wanted x", new InvalidInputException("\u001b[2J", "x").getMessage());
  }
}
