package dev.beit2.pipelines.run;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Clock;
import java.time.Instant;
import java.time.ZoneOffset;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import java.util.zip.CRC32C;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.tensorflow.util.Event;
import org.tensorflow.util.SessionLog;

class MetricsLogTest {
  private static final Clock CLOCK =
      Clock.fixed(Instant.ofEpochSecond(1_767_225_600), ZoneOffset.UTC);

  @TempDir Path folder;

  private String lines() throws IOException {
    return Files.readString(folder.resolve("metrics.jsonl"));
  }

  private List<Path> eventFiles() throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files
          .filter(file -> file.getFileName().toString().startsWith("events."))
          .sorted()
          .toList();
    }
  }

  private static List<Event> events(Path file) throws IOException {
    ByteBuffer records = ByteBuffer.wrap(Files.readAllBytes(file)).order(ByteOrder.LITTLE_ENDIAN);
    List<Event> events = new ArrayList<>();
    while (records.hasRemaining()) {
      byte[] length = new byte[8];
      records.get(length);
      assertEquals(maskedCrc(length), records.getInt(), "checksum of a length");
      byte[] data =
          new byte[(int) ByteBuffer.wrap(length).order(ByteOrder.LITTLE_ENDIAN).getLong()];
      records.get(data);
      assertEquals(maskedCrc(data), records.getInt(), "checksum of an event");
      events.add(Event.parseFrom(data));
    }
    return events;
  }

  /** As TensorFlow's record_writer documents it. */
  private static int maskedCrc(byte[] bytes) {
    CRC32C crc = new CRC32C();
    crc.update(bytes);
    long value = crc.getValue();
    long rotated = (value >>> 15 | value << 17) & 0xffffffffL;
    return (int) (rotated + 0xa282ead8L);
  }

  private static Map<String, Double> step(long step, double loss) {
    return Map.of("step", (double) step, "loss", loss, "seconds", 0.25);
  }

  private void append(long afterStep, Instant job, List<Map<String, Double>> steps)
      throws IOException {
    MetricsLog.append(folder.toString(), afterStep, job, steps, CLOCK);
  }

  private void append(long afterStep, List<Map<String, Double>> steps) throws IOException {
    append(afterStep, CLOCK.instant(), steps);
  }

  @Test
  void eachStepIsALine() throws IOException {
    append(
        0,
        List.of(
            Map.of("step", 1.0, "loss", 6.5, "images_per_second", 118.25),
            Map.of("step", 2.0, "loss", Double.NaN)));
    append(2, List.of(step(3, 1 / 3.0)));

    assertEquals(
        """
        {"step":1,"images_per_second":118.25,"loss":6.5}
        {"step":2,"loss":null}
        {"step":3,"loss":0.3333333333333333,"seconds":0.25}
        """,
        lines());
    assertEquals(step(3, 1 / 3.0), MetricsLog.read(folder.toString()).get(2));
    assertEquals(
        Map.of("step", 2.0, "loss", Double.NaN), MetricsLog.read(folder.toString()).get(1));
  }

  @Test
  void aRepeatedRoundLeavesTheSameLines() throws IOException {
    append(0, List.of(step(1, 7), step(2, 6)));
    append(2, List.of(step(3, 5), step(4, 4)));
    String straight = lines();

    append(2, List.of(step(3, 5), step(4, 4)));
    assertEquals(straight, lines());
    // Lines of later rounds than the repeated one are removed, too.
    append(4, List.of(step(5, 99), step(6, 99)));
    append(0, List.of(step(1, 7), step(2, 6)));
    append(2, List.of(step(3, 5), step(4, 4)));
    assertEquals(straight, lines());
  }

  @Test
  void anIncompleteLineIsCutOff() throws IOException {
    append(0, List.of(step(1, 7)));
    append(1, List.of(step(2, 6)));
    String straight = lines();
    Path events = eventFiles().get(0);
    for (long cut = 1; cut < 30; cut++) {
      for (Path file : List.of(folder.resolve("metrics.jsonl"), events)) {
        byte[] bytes = Files.readAllBytes(file);
        Files.write(file, Arrays.copyOf(bytes, (int) (bytes.length - cut)));
      }
      assertEquals(1, MetricsLog.read(folder.toString()).size());
      append(1, List.of(step(2, 6)));
      assertEquals(straight, lines());
      events(events); // checks each record
    }
  }

  @Test
  void onlyTheEndIsReadAndWritten() throws IOException {
    Path file = folder.resolve("metrics.jsonl");
    String start = "not JSON\n".repeat(100_000) + "{\"step\":100000,\"loss\":1.0}\n";
    Files.writeString(file, start);
    append(100_000, List.of(step(100_001, 3)));
    append(100_000, List.of(step(100_001, 2), step(100_002, 1)));

    assertTrue(lines().startsWith(start));
    assertEquals(
        List.of(step(100_001, 2), step(100_002, 1)),
        MetricsLog.readLast(folder.toString(), 100_000, 50));
    assertEquals(List.of(step(100_002, 1)), MetricsLog.readLast(folder.toString(), 100_000, 1));
  }

  @Test
  void stepsOutsideTheRoundAreRefused() {
    assertThrows(IllegalArgumentException.class, () -> append(3, List.of(step(3, 1))));
    assertThrows(IllegalArgumentException.class, () -> append(3, List.of(step(5, 1), step(4, 1))));
  }

  @Test
  void tensorBoardForgetsALostRoundAtTheStartOfTheNext() throws IOException {
    append(0, List.of(step(1, 7), step(2, 6)));
    append(2, List.of(step(3, 5)));

    assertEquals(
        "events.out.tfevents.1767225600.beit2", eventFiles().get(0).getFileName().toString());
    List<Event> events = events(eventFiles().get(0));
    assertEquals(
        List.of("version", "start 1", "1", "2", "start 3", "3"),
        events.stream().map(MetricsLogTest::told).toList());
    assertEquals("brain.Event:2", events.get(0).getFileVersion());
    assertEquals(SessionLog.SessionStatus.START, events.get(4).getSessionLog().getStatus());
    assertEquals("loss", events.get(3).getSummary().getValue(0).getTag());
    assertEquals(6, events.get(3).getSummary().getValue(0).getSimpleValue());
    assertEquals(2, events.get(3).getSummary().getValueCount());
    // The last step ends with the round, the one before it a quarter of a second earlier.
    assertEquals(1_767_225_600.0, events.get(3).getWallTime());
    assertEquals(1_767_225_599.75, events.get(2).getWallTime());
  }

  private static String told(Event event) {
    if (event.hasSessionLog()) {
      return "start " + event.getStep();
    }
    return event.hasSummary() ? Long.toString(event.getStep()) : "version";
  }

  @Test
  void eachJobHasAnEventFileAndOnlyTheNewestIsAppendedTo() throws IOException {
    Instant first = CLOCK.instant();
    append(0, first, List.of(step(1, 7)));
    append(1, first.plusSeconds(9), List.of(step(2, 6)));
    assertEquals(2, eventFiles().size());
    long old = Files.size(eventFiles().get(0));
    append(2, first, List.of(step(3, 5)));

    assertEquals(2, eventFiles().size());
    assertEquals(old, Files.size(eventFiles().get(0)));
    assertEquals(
        List.of("version", "start 2", "2", "start 3", "3"),
        events(eventFiles().get(1)).stream().map(MetricsLogTest::told).toList());
  }

  @Test
  void aRunWithoutALogHasNoSteps() throws IOException {
    assertEquals(List.of(), MetricsLog.read(folder.toString()));
  }
}
