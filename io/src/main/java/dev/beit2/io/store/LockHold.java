package dev.beit2.io.store;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.HashMap;
import java.util.Map;
import java.util.Optional;

/** A hold by the operating system's lock on its file. */
final class LockHold extends Hold {
  private static final int MAX_BYTES = 1 << 12;

  // A process loses its lock when it closes the file once, so it must not open it a second time.
  private static final Map<Path, Holder> HELD_HERE = new HashMap<>();

  private final Path file;
  private final FileChannel channel;

  private LockHold(Path file, FileChannel channel) {
    this.file = file;
    this.channel = channel;
  }

  /**
   * Takes the folder of a file.
   *
   * @return nothing if its file system has no locks
   */
  static Optional<Hold> take(Path given) throws IOException {
    Path folder = given.toAbsolutePath().getParent();
    if (!Files.isDirectory(folder)) {
      Files.createDirectories(folder);
    }
    Path file = folder.toRealPath().resolve(FILE);
    synchronized (HELD_HERE) {
      if (HELD_HERE.containsKey(file)) {
        throw HELD_HERE.get(file).refusal();
      }
      while (true) {
        FileChannel channel =
            FileChannel.open(
                file, StandardOpenOption.CREATE, StandardOpenOption.READ, StandardOpenOption.WRITE);
        boolean taken = false;
        try {
          Optional<Boolean> locked = lock(channel);
          if (locked.isEmpty()) {
            return Optional.empty();
          }
          Holder here = Holder.here();
          if (!locked.get()) {
            throw Holder.parse(read(channel)).orElse(here).refusal();
          }
          taken = Files.exists(file); // or its last holder has deleted what is open here
          if (taken) {
            channel.truncate(0).write(UTF_8.encode(here.json()), 0);
            HELD_HERE.put(file, here);
            return Optional.of(new LockHold(file, channel));
          }
        } finally {
          if (!taken) {
            channel.close();
          }
        }
      }
    }
  }

  /** Whether the file could be locked; empty if its file system has no locks. */
  private static Optional<Boolean> lock(FileChannel channel) {
    try {
      return Optional.of(channel.tryLock() != null);
    } catch (IOException e) {
      return Optional.empty();
    }
  }

  private static String read(FileChannel channel) throws IOException {
    ByteBuffer bytes = ByteBuffer.allocate(MAX_BYTES);
    channel.read(bytes, 0);
    return UTF_8.decode(bytes.flip()).toString();
  }

  @Override
  public void close() {
    synchronized (HELD_HERE) {
      try (channel) {
        Files.deleteIfExists(file);
      } catch (IOException e) {
        // A file that nobody has locked holds nothing.
      }
      HELD_HERE.remove(file);
    }
  }
}
