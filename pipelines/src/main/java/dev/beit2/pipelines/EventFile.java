package dev.beit2.pipelines;

import dev.beit2.io.store.StoredFile;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.time.Clock;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.zip.CRC32C;
import org.tensorflow.framework.Summary;
import org.tensorflow.util.Event;
import org.tensorflow.util.SessionLog;

/**
 * A file of TensorBoard events: TFRecords of {@code tensorflow.Event} messages, the first of which
 * tells the version.
 */
final class EventFile implements AutoCloseable {
  private static final String PREFIX = "events.out.tfevents.";
  private static final String SUFFIX = ".beit2";
  private static final Pattern NAME =
      Pattern.compile(".*/events\\.out\\.tfevents\\.(\\d+)\\.beit2");
  private static final int CRC_MASK = 0xa282ead8;

  private final AppendedFile file;
  private final Clock clock;

  private EventFile(AppendedFile file, Clock clock) {
    this.file = file;
    this.clock = clock;
  }

  /**
   * Begins the next event file of a run.
   *
   * @param afterStep TensorBoard forgets the events of later steps in the run's earlier files
   */
  static EventFile next(String runDirectory, long afterStep, Clock clock) throws IOException {
    List<String> earlier =
        StoredFile.matching(StoredFile.in(runDirectory, PREFIX + "*" + SUFFIX).path());
    // TensorBoard reads the files of a folder in the order of their names.
    long seconds = clock.instant().getEpochSecond();
    for (String path : earlier) {
      Matcher name = NAME.matcher(path);
      if (name.matches()) {
        seconds = Math.max(seconds, Long.parseLong(name.group(1)) + 1);
      }
    }
    String name = String.format(Locale.ROOT, "%s%010d%s", PREFIX, seconds, SUFFIX);
    ByteArrayOutputStream start = new ByteArrayOutputStream();
    double now = clock.millis() / 1e3;
    start.writeBytes(
        record(Event.newBuilder().setWallTime(now).setFileVersion("brain.Event:2").build()));
    if (!earlier.isEmpty()) {
      SessionLog started =
          SessionLog.newBuilder().setStatus(SessionLog.SessionStatus.START).build();
      start.writeBytes(
          record(
              Event.newBuilder()
                  .setWallTime(now)
                  .setStep(afterStep + 1)
                  .setSessionLog(started)
                  .build()));
    }
    StoredFile file = StoredFile.in(runDirectory, name);
    return new EventFile(AppendedFile.startingWith(file, start.toByteArray()), clock);
  }

  void log(long step, Map<String, Double> metrics) throws IOException {
    Summary.Builder summary = Summary.newBuilder();
    new TreeMap<>(metrics)
        .forEach(
            (name, value) ->
                summary.addValueBuilder().setTag(name).setSimpleValue(value.floatValue()));
    file.append(
        record(
            Event.newBuilder()
                .setWallTime(clock.millis() / 1e3)
                .setStep(step)
                .setSummary(summary)
                .build()));
  }

  void flush() throws IOException {
    file.flush();
  }

  @Override
  public void close() throws IOException {
    file.close();
  }

  /** A TFRecord: the length and its masked CRC-32C, the bytes and theirs, all little-endian. */
  private static byte[] record(Event event) {
    byte[] data = event.toByteArray();
    ByteBuffer record =
        ByteBuffer.allocate(Long.BYTES + Integer.BYTES + data.length + Integer.BYTES)
            .order(ByteOrder.LITTLE_ENDIAN);
    record.putLong(data.length);
    record.putInt(maskedCrc(record.array(), 0, Long.BYTES));
    record.put(data);
    record.putInt(maskedCrc(data, 0, data.length));
    return record.array();
  }

  private static int maskedCrc(byte[] bytes, int offset, int length) {
    CRC32C crc = new CRC32C();
    crc.update(bytes, offset, length);
    return Integer.rotateRight((int) crc.getValue(), 15) + CRC_MASK;
  }
}
