package dev.beit2.io.shard;

import dev.beit2.io.InvalidInputException;
import dev.beit2.io.SeededRandom;
import dev.beit2.io.image.DecodingLimits;
import dev.beit2.io.image.EncodedImage;
import dev.beit2.io.image.UndecodableImageException;
import dev.beit2.io.shard.ShardManifest.RowGroup;
import dev.beit2.io.shard.ShardManifest.Shard;
import java.io.IOException;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.LongStream;
import java.util.zip.CRC32C;

/**
 * Checks one shard completely, with one row group in memory. Not thread-safe.
 *
 * <p>Finding duplicate keys needs no list of all keys. Equal keys belong to the same shard and, as
 * rows are sorted by (hash, key), next to each other; a key elsewhere is a problem of its own.
 */
final class ShardCheck {
  private final ShardFolder folder;
  private final ShardMetadata metadata;
  private final Shard shard;
  private final Optional<ShardName> name;

  private MimExample previous;
  private long rows;
  private long views;
  private final long[] codeCounts;
  private final RowCheck rowCheck;
  private final List<String> duplicateKeys = new ArrayList<>();
  private final LongStream.Builder fingerprints = LongStream.builder();
  private final List<String> problems = new ArrayList<>();

  /** By problem: the number of rows that have it, and the key of the first one. */
  private final Map<String, Rows> badRows = new LinkedHashMap<>();

  private record Rows(long count, String firstKey) {
    static Rows sum(Rows before, Rows one) {
      return new Rows(before.count + one.count, before.firstKey);
    }
  }

  ShardCheck(ShardFolder folder, ShardMetadata metadata, Shard shard) {
    this.folder = folder;
    this.metadata = metadata;
    this.shard = shard;
    this.name = ShardName.parse(shard.file());
    this.codeCounts = new long[metadata.codebookSize()];
    this.rowCheck = RowCheck.counting(metadata, codeCounts);
  }

  long rows() {
    return rows;
  }

  long views() {
    return views;
  }

  long[] codeCounts() {
    return codeCounts;
  }

  List<String> duplicateKeys() {
    return duplicateKeys;
  }

  /**
   * Hashes of the images' bytes. Two different images have the same hash with a chance of 1 in
   * 2^32.
   */
  long[] fingerprints() {
    return fingerprints.build().toArray();
  }

  List<String> problems() {
    return problems;
  }

  void run() {
    try {
      read();
    } catch (InvalidInputException e) {
      problems.add(e.found());
    } catch (IOException e) {
      problems.add("shard " + folder.path(shard.file()) + " unreadable (" + e.getMessage() + ")");
    }
    badRows.forEach(
        (what, rows) ->
            problems.add(
                String.format(
                    "shard %s has %d rows %s, first %s",
                    folder.path(shard.file()), rows.count(), what, rows.firstKey())));
  }

  private void read() throws IOException {
    ShardFile.Opened file = new ShardFile(folder, shard).open(metadata);
    String crc32c = folder.file(shard.file()).measure().crc32cHex();
    if (!crc32c.equals(shard.crc32c())) {
      problems.add(
          String.format(
              "shard %s with crc32c %s, not %s",
              folder.path(shard.file()), crc32c, shard.crc32c()));
    }
    if (name.isEmpty()) {
      problems.add("shard " + folder.path(shard.file()) + " is not named as shards are");
    }
    for (RowGroup group : file.rowGroups()) {
      try {
        read(file.fetch(group));
      } catch (InvalidInputException e) { // the others may be sound
        problems.add(e.found());
      }
    }
  }

  private void read(ShardFile.Fetched group) {
    try (ShardFile.Rows examples = group.rows()) {
      for (MimExample example = examples.next(); example != null; example = examples.next()) {
        verify(example);
        verifyPlace(example);
        previous = example;
      }
    }
  }

  private void verify(MimExample example) {
    rows++;
    views += example.views().size();
    fingerprints.add(fingerprint(example.jpeg()));
    rowCheck.faults(example).forEach(fault -> bad(example, fault));
    if (isAnotherSize(example)) {
      bad(example, "whose width and height are not the image's");
    }
  }

  /** Whether the image says so itself. One that cannot be decoded is no fault of the shard. */
  private static boolean isAnotherSize(MimExample example) {
    try {
      EncodedImage image = EncodedImage.open(example.jpeg(), DecodingLimits.DEFAULT);
      return image.width() != example.width() || image.height() != example.height();
    } catch (UndecodableImageException e) {
      return false;
    }
  }

  private static long fingerprint(byte[] bytes) {
    CRC32C crc = new CRC32C();
    crc.update(bytes);
    return crc.getValue() << 32 | bytes.length;
  }

  private void verifyPlace(MimExample example) {
    String key = example.key();
    if (name.isPresent()) {
      int count = name.get().count();
      if (count < 1 || ShardName.indexOf(metadata.seed(), key, count) != name.get().index()) {
        bad(example, "that belong to another shard");
      }
    }
    if (previous == null) {
      return;
    }
    long hash = SeededRandom.hash(metadata.seed(), key);
    long previousHash = SeededRandom.hash(metadata.seed(), previous.key());
    if (key.equals(previous.key())) {
      bad(example, "with the key of another row");
      if (duplicateKeys.size() < ShardVerification.MAX_DUPLICATES) {
        duplicateKeys.add(key);
      }
    } else if (hash < previousHash || (hash == previousHash && key.compareTo(previous.key()) < 0)) {
      bad(example, "out of order");
    }
  }

  private void bad(MimExample example, String what) {
    badRows.merge(what, new Rows(1, example.key()), Rows::sum);
  }
}
