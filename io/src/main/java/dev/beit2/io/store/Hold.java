package dev.beit2.io.store;

import dev.beit2.io.InvalidInputException;
import java.io.Closeable;
import java.io.IOException;
import java.nio.file.Path;
import java.util.Optional;

/**
 * Keeps a folder to one process at a time, from {@link #take} until it is closed or the process
 * ends. The file {@code .hold.json} in the folder says who that is.
 *
 * <p>On a local disk the operating system's lock on that file is the hold, so it ends with the
 * process, however that ends. Where there are no such locks, as on {@code gs://}, the holder renews
 * the file: it is void if its process is gone, or, from another machine, if it was not renewed for
 * 90 seconds.
 */
public abstract sealed class Hold implements Closeable permits LockHold, RenewedHold {
  static final String FILE = ".hold.json";

  /**
   * Takes a folder, and creates it if it does not exist.
   *
   * @throws InvalidInputException if another start holds it, saying which one
   * @throws IOException if the folder cannot be written
   */
  public static Hold take(String directory) throws IOException {
    StoredFile file = StoredFile.in(directory, FILE);
    Optional<Path> local = file.localPath();
    if (local.isPresent()) {
      Optional<Hold> locked = LockHold.take(local.get());
      if (locked.isPresent()) {
        return locked.get();
      }
    }
    return RenewedHold.take(file);
  }

  /** Whether a start has taken a folder and not given it back: it is at work, or was killed. */
  public static boolean isTaken(String directory) throws IOException {
    return StoredFile.in(directory, FILE).exists();
  }

  /** Gives the folder back. Does not fail: a hold that cannot be removed becomes void. */
  @Override
  public abstract void close();
}
