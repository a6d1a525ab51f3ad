package dev.beit2.io.shard;

import dev.beit2.io.shard.ShardManifest.Shard;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ExecutionException;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import java.util.function.Consumer;
import java.util.stream.Collectors;
import java.util.stream.LongStream;

/**
 * Computes a {@link ShardVerification}. Several threads check one shard each, with a row group in
 * memory.
 */
final class ShardVerifier {
  /** The memory to read a row group of 32 MB, with a margin. */
  private static final long BYTES_A_THREAD = 160L << 20;

  private final ShardFolder folder;
  private final ShardManifest manifest;

  private long rows;
  private long views;
  private final long[] codeCounts;
  private final List<String> duplicateKeys = new ArrayList<>();
  private final List<long[]> fingerprints = new ArrayList<>();
  private final List<String> problems = new ArrayList<>();

  ShardVerifier(String directory) {
    this.folder = new ShardFolder(directory);
    this.manifest = ShardManifest.read(directory);
    this.codeCounts = new long[manifest.codebookSize()];
  }

  ShardVerification verify(Consumer<Shard> progress) {
    findStrangers();
    ExecutorService threads = Executors.newFixedThreadPool(threads());
    try {
      List<Future<ShardCheck>> checks = new ArrayList<>();
      for (Shard shard : manifest.shards()) {
        checks.add(threads.submit(() -> check(shard, progress)));
      }
      for (int i = 0; i < checks.size(); i++) {
        add(get(checks.get(i)));
        checks.set(i, null); // its counts are no longer needed
      }
    } finally {
      threads.shutdownNow();
    }
    return new ShardVerification(
        rows, views, codeCounts, duplicateKeys, duplicateImages(), problems);
  }

  List<String> quick(Consumer<Shard> progress) {
    findStrangers();
    for (ShardFile.Footer footer : ShardFile.footers(folder, manifest, progress)) {
      if (footer.failure() != null) {
        problems.add(footer.failure().found());
      }
    }
    return problems;
  }

  /** More than there are processors: in a bucket a thread waits most of the time. */
  private static int threads() {
    long byMemory = Math.max(1, Runtime.getRuntime().maxMemory() / BYTES_A_THREAD);
    return (int) Math.min(4L * Runtime.getRuntime().availableProcessors(), byMemory);
  }

  private ShardCheck check(Shard shard, Consumer<Shard> progress) {
    ShardCheck check = new ShardCheck(folder, manifest.metadata(), shard);
    check.run();
    progress.accept(shard);
    return check;
  }

  private static ShardCheck get(Future<ShardCheck> check) {
    try {
      return check.get();
    } catch (ExecutionException e) {
      throw new IllegalStateException("a check throws nothing that is the shards' fault", e);
    } catch (InterruptedException e) {
      Thread.currentThread().interrupt();
      throw new IllegalStateException("interrupted", e);
    }
  }

  /** Called in the manifest's order, so that a report does not depend on which thread was first. */
  private void add(ShardCheck check) {
    rows += check.rows();
    views += check.views();
    for (int i = 0; i < codeCounts.length; i++) {
      codeCounts[i] += check.codeCounts()[i];
    }
    check.duplicateKeys().stream()
        .limit(ShardVerification.MAX_DUPLICATES - duplicateKeys.size())
        .forEach(duplicateKeys::add);
    fingerprints.add(check.fingerprints());
    problems.addAll(check.problems());
  }

  private long duplicateImages() {
    long images = fingerprints.stream().mapToLong(part -> part.length).sum();
    return images - fingerprints.stream().flatMapToLong(LongStream::of).distinct().count();
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
}
