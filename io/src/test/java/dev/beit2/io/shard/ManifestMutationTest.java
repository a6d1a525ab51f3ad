package dev.beit2.io.shard;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.beit2.io.InvalidInputException;
import dev.beit2.io.shard.ShardManifest.Shard;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.SplittableRandom;
import java.util.regex.MatchResult;
import java.util.regex.Pattern;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * Thousands of changes to a sound manifest: each is refused in one line, or reads as the sound one,
 * or is found when the shards are compared with it.
 */
class ManifestMutationTest {
  private static final List<String> VALUES =
      List.of(
          "0",
          "-1",
          "1",
          "2",
          "3",
          "17",
          "0.5",
          "1e400",
          "null",
          "true",
          "\"\"",
          "[]",
          "{}",
          "\"../shard-00000-of-00002.parquet\"",
          "\"/etc/passwd\"",
          "\"shard-*\"",
          "\"shard-00000-of-00002.parquet\"",
          "\"\\u001b[2J\\u0007\"",
          "2147483648",
          "4611686018427387904",
          "99999999999999999999",
          "NaN",
          "[".repeat(2000));

  private static final List<Pattern> PLACES =
      List.of(
          Pattern.compile("(?<=: )(\"[^\"]*\"|\\d+)"), // a value
          Pattern.compile("\"\\w+\"(?= :)"), // a name
          Pattern.compile("\"\\w+\" : (\"[^\"]*\"|\\d+),"), // a name and its value
          Pattern.compile("\\{[^{}]*\\}"), // a shard
          Pattern.compile("(?<=\\[ |, )\\d+"), // a number of a row group
          Pattern.compile("\\[ \\d[^\\[\\]]*\\]"), // a row group
          Pattern.compile(".")); // a character

  @TempDir Path folder;

  private static String mutate(String sound, SplittableRandom random) {
    if (random.nextInt(20) == 0) {
      return sound.substring(0, random.nextInt(sound.length()));
    }
    List<MatchResult> places = List.of();
    while (places.isEmpty()) { // schema version 1 has no row groups
      places = PLACES.get(random.nextInt(PLACES.size())).matcher(sound).results().toList();
    }
    MatchResult place = places.get(random.nextInt(places.size()));
    String changed =
        switch (random.nextInt(5)) {
          case 0 -> "";
          case 1 -> place.group() + place.group();
          case 2 -> place.group() + "," + place.group();
          case 3 -> places.get(random.nextInt(places.size())).group();
          default -> VALUES.get(random.nextInt(VALUES.size()));
        };
    return sound.substring(0, place.start()) + changed + sound.substring(place.end());
  }

  /** Training reads no checksum of a whole file, so it must find these by itself. */
  @Test
  void aChangedNumberOfAShardIsRefusedOrFoundByTraining() throws IOException {
    Examples.write(folder, Examples.examples(12), 10_000);
    String json = Files.readString(folder.resolve(ShardManifest.FILE));
    Pattern numbers = Pattern.compile("(?<=\\[ |, |rows\" : |bytes\" : )\\d+(?=,| \\])");
    List<MatchResult> places = numbers.matcher(json).results().toList();
    assertEquals(12, places.size(), places::toString);
    for (MatchResult place : places) {
      for (long change : new long[] {-4, -1, 1, 1 << 20}) {
        long number = Long.parseLong(place.group()) + change;
        String changed = json.substring(0, place.start()) + number + json.substring(place.end());
        Files.writeString(folder.resolve(ShardManifest.FILE), changed);
        assertThrows(InvalidInputException.class, this::readAll, changed);
      }
    }
  }

  private void readAll() {
    MimShards shards = MimShards.open(folder.toString());
    MimShards.Epoch epoch = shards.epoch(0, 0);
    for (long position = 0; position < shards.examples(); position++) {
      epoch.get(position);
    }
  }

  @Test
  void aChangedManifestIsRefusedOrFound() throws IOException {
    ShardManifest sound = Examples.write(folder, Examples.examples(12), 10_000);
    assertEquals(2, sound.schemaVersion());
    assertEquals(2, sound.shards().size());
    changesAreRefusedOrFound(sound, 4000);
  }

  @Test
  void aChangedManifestOfTheVersionBeforeIsRefusedOrFound() throws IOException {
    ShardManifest written = Examples.write(folder, Examples.examples(12), 10_000);
    List<Shard> shards =
        written.shards().stream()
            .map(shard -> new Shard(shard.file(), shard.rows(), shard.bytes(), shard.crc32c()))
            .toList();
    ShardManifest before = ShardManifest.of(Examples.METADATA, shards);
    assertEquals(1, before.schemaVersion());
    changesAreRefusedOrFound(before, 2000);
  }

  private void changesAreRefusedOrFound(ShardManifest sound, int changes) throws IOException {
    String json = sound.toJson();
    SplittableRandom random = new SplittableRandom(1);
    int refused = 0;
    for (int i = 0; i < changes; i++) {
      String changed = mutate(json, random);
      Files.writeString(folder.resolve(ShardManifest.FILE), changed);
      try {
        if (!ShardManifest.read(folder.toString()).equals(sound)) {
          assertFalse(ShardVerification.verify(folder.toString()).sound(), changed);
        }
      } catch (InvalidInputException e) {
        refused++;
        assertEquals(1, e.getMessage().lines().count(), e.getMessage());
        assertTrue(e.getMessage().length() < 1000, e.getMessage());
        assertTrue(e.getMessage().chars().noneMatch(Character::isISOControl), e.getMessage());
      } catch (RuntimeException e) {
        throw new AssertionError(changed, e);
      }
    }
    assertTrue(refused > changes / 2, refused + " were refused");
  }
}
