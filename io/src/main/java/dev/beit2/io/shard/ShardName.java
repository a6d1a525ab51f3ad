package dev.beit2.io.shard;

import dev.beit2.io.SeededRandom;
import java.util.Locale;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The name of a shard: {@code shard-00000-of-00012.parquet}.
 *
 * @param index in [0, count)
 * @param count the number of shards in the set
 */
record ShardName(int index, int count) {
  /** Matches the names of all shards. */
  static final String GLOB = "shard-*-of-*.parquet";

  private static final Pattern NAME = Pattern.compile("shard-(\\d{5,9})-of-(\\d{5,9})\\.parquet");

  String file() {
    return String.format(Locale.ROOT, "shard-%05d-of-%05d.parquet", index, count);
  }

  static Optional<ShardName> parse(String file) {
    Matcher name = NAME.matcher(file);
    return name.matches()
        ? Optional.of(
            new ShardName(Integer.parseInt(name.group(1)), Integer.parseInt(name.group(2))))
        : Optional.empty();
  }

  /** The index of the shard that holds a key, if there are this many shards. */
  static int indexOf(long seed, String key, int count) {
    return (int) Long.remainderUnsigned(SeededRandom.hash(seed, key), count);
  }
}
