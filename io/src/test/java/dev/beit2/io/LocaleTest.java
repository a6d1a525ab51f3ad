package dev.beit2.io;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.List;
import java.util.Locale;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/** Numbers in patterns of files do not follow the user's locale, whose digits may be others. */
final class LocaleTest {
  private final Locale usual = Locale.getDefault();

  @BeforeEach
  void count() {
    Locale.setDefault(new Locale("ar", "EG"));
    assertEquals("\u0661", String.format("%d", 1));
  }

  @AfterEach
  void restore() {
    Locale.setDefault(usual);
  }

  @Test
  void rangesExpandToTheirDigits() {
    assertEquals(
        List.of("a-08.tar", "a-09.tar", "a-10.tar"),
        BraceExpansion.expand("a-{08..10}.tar").expanded());
  }
}
