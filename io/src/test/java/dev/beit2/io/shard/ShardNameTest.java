package dev.beit2.io.shard;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.util.Locale;
import java.util.Optional;
import org.junit.jupiter.api.Test;

final class ShardNameTest {
  @Test
  void aNameHasTheSameDigitsInEveryLocale() {
    Locale usual = Locale.getDefault();
    ShardName name = new ShardName(1, 12);
    try {
      Locale.setDefault(new Locale("ar", "EG"));
      assertEquals("shard-00001-of-00012.parquet", name.file());
    } finally {
      Locale.setDefault(usual);
    }
    assertEquals(Optional.of(name), ShardName.parse(name.file()));
  }
}
