package dev.beit2.pipelines.bench;

import com.sun.nio.file.ExtendedOpenOption;
import dev.beit2.io.shard.CodePacking;
import dev.beit2.io.shard.EncodedView;
import dev.beit2.io.shard.MimExample;
import dev.beit2.io.shard.MimShards;
import dev.beit2.io.shard.ShardManifest;
import dev.beit2.io.shard.ShardMetadata;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.OpenOption;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.OptionalDouble;

/**
 * Measures the reading of shards as in pretraining (the shuffled rows of an epoch, with the codes
 * of one view unpacked), compared with plain reads of the same files from the page cache and from
 * the disk.
 */
final class ShardReadingBenchmark {
  private static final int ROUNDS = 3;
  private static final int BUFFER = 4 << 20;
  private static final double MEGABYTE = 1e6;

  /**
   * The best rates over all rounds, in MB/s (10^6 bytes).
   *
   * @param shards rows in the order of an epoch
   * @param cached whole files from the page cache
   * @param disk whole files from the disk, if the file system can bypass the page cache
   */
  record Rates(double shards, double cached, OptionalDouble disk) {}

  private ShardReadingBenchmark() {}

  /** Measures the shards of a local folder. */
  static Rates measure(String folder) throws IOException {
    ShardManifest manifest = ShardManifest.read(folder);
    double shards = 0;
    double cached = 0;
    double disk = 0;
    for (int round = 0; round < ROUNDS; round++) {
      disk = Math.max(disk, readFilesPastCache(folder, manifest));
      cached = Math.max(cached, readFiles(folder, manifest, StandardOpenOption.READ));
      shards = Math.max(shards, readEpoch(folder, round));
    }
    return new Rates(shards, cached, disk > 0 ? OptionalDouble.of(disk) : OptionalDouble.empty());
  }

  private static double readEpoch(String folder, int epoch) {
    long start = System.nanoTime();
    MimShards shards = MimShards.open(folder);
    ShardMetadata metadata = shards.manifest().metadata();
    MimShards.Epoch rows = shards.epoch(0, epoch);
    long bytes = 0;
    long codes = 0;
    for (long position = 0; position < shards.examples(); position++) {
      MimExample example = rows.get(position);
      EncodedView view = example.views().get(epoch % metadata.views());
      for (int code :
          CodePacking.unpack(view.codes(), metadata.codesPerView(), metadata.codeBits())) {
        codes += code;
      }
      bytes += example.jpeg().length;
      for (EncodedView stored : example.views()) {
        bytes += stored.codes().length;
      }
    }
    if (codes < 0) {
      throw new AssertionError("codes are not negative");
    }
    return rate(bytes, start);
  }

  private static double readFilesPastCache(String folder, ShardManifest manifest)
      throws IOException {
    try {
      return readFiles(folder, manifest, ExtendedOpenOption.DIRECT);
    } catch (IOException | UnsupportedOperationException e) {
      return 0; // a file system in memory, for instance
    }
  }

  private static double readFiles(String folder, ShardManifest manifest, OpenOption option)
      throws IOException {
    int block = (int) Files.getFileStore(Path.of(folder)).getBlockSize();
    ByteBuffer buffer = ByteBuffer.allocateDirect(BUFFER + block).alignedSlice(block);
    buffer.limit(BUFFER);
    long start = System.nanoTime();
    long bytes = 0;
    for (ShardManifest.Shard shard : manifest.shards()) {
      try (FileChannel file =
          FileChannel.open(Path.of(folder, shard.file()), StandardOpenOption.READ, option)) {
        // Stops at the size instead of at the end of the file: without the page cache, a read must
        // not start behind the last whole block.
        for (long left = file.size(); left > 0; buffer.clear().limit(BUFFER)) {
          int read = file.read(buffer);
          bytes += read;
          left -= read;
        }
      }
    }
    return rate(bytes, start);
  }

  private static double rate(long bytes, long start) {
    return bytes / MEGABYTE / ((System.nanoTime() - start) / 1e9);
  }
}
