package dev.beit2.io.store;

import dev.beit2.io.InvalidInputException;
import java.io.IOException;
import java.time.Duration;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.concurrent.Executors;
import java.util.concurrent.ScheduledExecutorService;
import java.util.concurrent.TimeUnit;

/** A hold by a file that its holder writes again and again, where there are no locks. */
final class RenewedHold extends Hold {
  private static final Duration RENEWAL = Duration.ofSeconds(20);
  private static final int ATTEMPTS = 5;

  private final StoredFile file;
  private final Holder holder;
  private final ScheduledExecutorService renewals =
      Executors.newSingleThreadScheduledExecutor(
          task -> {
            Thread thread = new Thread(task, "beit2 hold");
            thread.setDaemon(true);
            return thread;
          });

  /** Of the file as written last; empty when another start has taken the folder. */
  private OptionalLong generation;

  private RenewedHold(StoredFile file, Holder holder, OptionalLong generation, Duration renewal) {
    this.file = file;
    this.holder = holder;
    this.generation = generation;
    renewals.scheduleWithFixedDelay(
        this::renew, renewal.toMillis(), renewal.toMillis(), TimeUnit.MILLISECONDS);
  }

  static Hold take(StoredFile file) throws IOException {
    return take(file, Holder.here(), RENEWAL);
  }

  /**
   * @param renewal time between two renewals
   */
  static Hold take(StoredFile file, Holder holder, Duration renewal) throws IOException {
    for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
      Optional<StoredFile.Version> found = file.version();
      Optional<Holder> other = found.flatMap(version -> Holder.parse(version.text()));
      if (other.isPresent() && other.get().alive()) {
        throw other.get().refusal();
      }
      long generation = found.map(StoredFile.Version::generation).orElse(StoredFile.ABSENT);
      OptionalLong written = file.replace(generation, holder.json());
      if (written.isPresent()) {
        return new RenewedHold(file, holder, written, renewal);
      }
    }
    throw new InvalidInputException(
        file.path() + " written by other starts again and again", "one start at a time");
  }

  private synchronized void renew() {
    if (generation.isEmpty()) {
      return;
    }
    try {
      generation = file.replace(generation.getAsLong(), holder.renewedNow().json());
      if (generation.isEmpty()) {
        System.getLogger(Hold.class.getName())
            .log(System.Logger.Level.WARNING, "{0} was taken by another start", file.path());
      }
    } catch (IOException | RuntimeException e) {
      // The next renewal may succeed; without any the hold becomes void.
    }
  }

  @Override
  public void close() {
    renewals.shutdown();
    synchronized (this) {
      if (generation.isPresent()) {
        try {
          file.delete(generation.getAsLong());
        } catch (IOException e) {
          // It becomes void.
        }
        generation = OptionalLong.empty();
      }
    }
  }
}
