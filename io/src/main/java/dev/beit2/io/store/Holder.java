package dev.beit2.io.store;

import com.fasterxml.jackson.core.JsonProcessingException;
import dev.beit2.io.InvalidInputException;
import dev.beit2.io.Json;
import java.io.IOException;
import java.net.InetAddress;
import java.net.UnknownHostException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.Optional;
import java.util.UUID;

/**
 * The process that holds a folder.
 *
 * @param id of this hold alone
 * @param host for people
 * @param machine what process numbers are unique in: a start of a system, and a container in it
 * @param process its number
 * @param started when the process began, in seconds: a later process may have the same number
 * @param since when it took the folder
 * @param renewed when it last said that it is alive, in milliseconds of its clock
 */
record Holder(
    String id,
    String host,
    String machine,
    long process,
    long started,
    String since,
    long renewed) {
  private static final Duration VOID = Duration.ofSeconds(90);
  // The start of a process is computed from the system's, whose clock may have been set.
  private static final long SAME_START_SECONDS = 10;

  /** This process, now. */
  static Holder here() {
    return new Holder(
        UUID.randomUUID().toString(),
        hostName(),
        thisMachine(),
        ProcessHandle.current().pid(),
        startOf(ProcessHandle.current()),
        Instant.now().truncatedTo(ChronoUnit.SECONDS).toString(),
        System.currentTimeMillis());
  }

  /** Reads what {@link #json} wrote; empty if it is damaged. */
  static Optional<Holder> parse(String json) {
    try {
      return Optional.ofNullable(Json.read(json, Holder.class))
          .filter(holder -> holder.id != null && holder.machine != null);
    } catch (JsonProcessingException e) {
      return Optional.empty();
    }
  }

  String json() {
    return Json.line(this) + "\n";
  }

  Holder renewedNow() {
    return new Holder(id, host, machine, process, started, since, System.currentTimeMillis());
  }

  /** Whether it still holds the folder, judged by its process, or from afar by its renewals. */
  boolean alive() {
    if (machine.equals(thisMachine())) {
      return ProcessHandle.of(process)
          .filter(found -> Math.abs(startOf(found) - started) <= SAME_START_SECONDS)
          .isPresent();
    }
    return System.currentTimeMillis() - renewed < VOID.toMillis();
  }

  InvalidInputException refusal() {
    String found = "it held by process %s on %s since %s".formatted(process, host, since);
    return machine.equals(thisMachine())
        ? new InvalidInputException(found, "another folder, or the end of that process")
        : new InvalidInputException(
            found + ", elsewhere",
            "another folder, or the end of that process; %d seconds after its last sign of life the folder is free"
                .formatted(VOID.toSeconds()));
  }

  private static long startOf(ProcessHandle process) {
    return process.info().startInstant().map(Instant::getEpochSecond).orElse(0L);
  }

  private static String hostName() {
    try {
      return InetAddress.getLocalHost().getHostName();
    } catch (UnknownHostException e) {
      return "an unnamed host";
    }
  }

  private static String thisMachine() {
    try {
      String boot = Files.readString(Path.of("/proc/sys/kernel/random/boot_id")).strip();
      return boot + " " + Files.readSymbolicLink(Path.of("/proc/self/ns/pid"));
    } catch (IOException | UnsupportedOperationException e) {
      return hostName(); // not Linux
    }
  }
}
