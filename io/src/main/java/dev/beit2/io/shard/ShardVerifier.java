package dev.beit2.io.shard;

import dev.beit2.io.InvalidInputException;
import dev.beit2.io.SeededRandom;
import dev.beit2.io.shard.ShardManifest.Shard;
import dev.beit2.io.store.Written;
import java.io.IOException;
import java.io.InputStream;
import java.nio.channels.Channels;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.zip.CRC32C;

/**
 * Makes a {@link ShardVerification}; in memory is a row group.
 *
 * <p>Duplicates need no list of all keys: equal keys belong to the same shard and, as rows are
 * sorted by (hash, key), beside each other; what is elsewhere is a problem of its own.
 */
final class ShardVerifier {
  private final ShardFolder folder;
  private final ShardManifest manifest;
  private final ShardMetadata metadata;

  private long rows;
  private long views;
  private final long[] codeCounts;
  private final List<String> duplicateKeys = new ArrayList<>();
  private final List<String> problems = new ArrayList<>();

  /** By what is wrong with rows of the present shard: how many, and the first one's key. */
  private final Map<String, Rows> badRows = new LinkedHashMap<>();

  private record Rows(long count, String firstKey) {
    static Rows sum(Rows before, Rows one) {
      return new Rows(before.count + one.count, before.firstKey);
    }
  }

  ShardVerifier(String directory) {
    this.folder = new ShardFolder(directory);
    this.manifest = ShardManifest.read(directory);
    this.metadata = manifest.metadata();
    this.codeCounts = new long[metadata.codebookSize()];
  }

  ShardVerification verify() {
    findStrangers();
    for (Shard shard : manifest.shards()) {
      try {
        verify(shard);
      } catch (InvalidInputException e) {
        problems.add(e.found());
      } catch (IOException e) {
        problems.add("shard " + folder.path(shard.file()) + " unreadable (" + e.getMessage() + ")");
      }
      reportBadRows(shard);
    }
    return new ShardVerification(rows, views, codeCounts, duplicateKeys, problems);
  }

  private void findStrangers() {
    Set<String> listed = manifest.shards().stream().map(Shard::file).collect(Collectors.toSet());
    try {
      for (String file : folder.match(ShardName.GLOB)) {
        if (!listed.contains(file)) {
          problems.add("shard " + folder.path(file) + " is not in the manifest");
        }
      }
    } catch (IOException e) {
      problems.add(folder.path(ShardName.GLOB) + " unreadable (" + e.getMessage() + ")");
    }
  }

  private void verify(Shard shard) throws IOException {
    ShardFile file = new ShardFile(folder, shard.file());
    file.footer(manifest, shard);
    String crc32c = crc32c(shard.file());
    if (!crc32c.equals(shard.crc32c())) {
      problems.add(
          String.format(
              "shard %s with crc32c %s, not %s",
              folder.path(shard.file()), crc32c, shard.crc32c()));
    }
    Optional<ShardName> name = ShardName.parse(shard.file());
    if (name.isEmpty()) {
      problems.add("shard " + folder.path(shard.file()) + " is not named as shards are");
    }
    try (ShardFile.Rows examples = file.rows()) {
      MimExample previous = null;
      for (MimExample example = examples.next(); example != null; example = examples.next()) {
        verify(example);
        verifyPlace(example, previous, name);
        previous = example;
      }
    }
  }

  private void verify(MimExample example) {
    rows++;
    views += example.views().size();
    if (example.jpeg().length == 0) {
      bad(example, "without image bytes");
    }
    if (example.views().size() != metadata.views()) {
      bad(example, "without the " + metadata.views() + " views");
    }
    for (EncodedView view : example.views()) {
      if (view.codes().length != metadata.packedCodesLength()) {
        bad(example, "with codes of another length");
      } else if (!count(view.codes())) {
        bad(example, "with a code outside the codebook of " + metadata.codebookSize());
      }
    }
  }

  /** Whether all codes are in the codebook. */
  private boolean count(byte[] packed) {
    boolean good = true;
    for (int code : CodePacking.unpack(packed, metadata.codesPerView(), metadata.codeBits())) {
      if (code < codeCounts.length) {
        codeCounts[code]++;
      } else {
        good = false;
      }
    }
    return good;
  }

  private void verifyPlace(MimExample example, MimExample previous, Optional<ShardName> name) {
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

  private void reportBadRows(Shard shard) {
    badRows.forEach(
        (what, rows) ->
            problems.add(
                String.format(
                    "shard %s has %d rows %s, first %s",
                    folder.path(shard.file()), rows.count(), what, rows.firstKey())));
    badRows.clear();
  }

  private String crc32c(String file) throws IOException {
    CRC32C crc = new CRC32C();
    byte[] buffer = new byte[1 << 16];
    long bytes = 0;
    try (InputStream in = Channels.newInputStream(folder.file(file).open())) {
      for (int n = in.read(buffer); n >= 0; n = in.read(buffer)) {
        crc.update(buffer, 0, n);
        bytes += n;
      }
    }
    return new Written(bytes, (int) crc.getValue()).crc32cHex();
  }
}
