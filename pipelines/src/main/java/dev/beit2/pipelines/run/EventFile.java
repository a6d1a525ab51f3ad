package dev.beit2.pipelines.run;

import dev.beit2.io.store.StoredFile;
import java.io.ByteArrayOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.SeekableByteChannel;
import java.time.Instant;
import java.util.ArrayList;
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
 * A file of TensorBoard events: TFRecords of {@code tensorflow.Event} messages. The first one holds
 * the version of the format.
 */
final class EventFile {
  private static final String PREFIX = "events.out.tfevents.";
  private static final String SUFFIX = ".beit2";
  private static final Pattern NAME =
      Pattern.compile(".*/events\\.out\\.tfevents\\.(\\d+)\\.beit2");
  // A record begins with its length and a checksum of the length.
  private static final int HEAD = Long.BYTES + Integer.BYTES;
  private static final int CRC_MASK = 0xa282ead8;

  private EventFile() {}

  /**
   * Appends the metrics of a round to the event file of its job. If the run has a newer event file,
   * they go there, because TensorBoard reads the files of a folder in the order of their names and
   * never returns to an earlier one.
   *
   * @param afterStep the last step before the round; TensorBoard forgets what it has read of later
   *     steps
   * @param jobStart determines the name of the job's event file
   * @param steps the metrics of each step of the round, with its number as {@code step}
   * @param times when each of these steps ended
   */
  static void append(
      String runDirectory,
      long afterStep,
      Instant jobStart,
      List<Map<String, Double>> steps,
      List<Instant> times)
      throws IOException {
    long seconds = jobStart.getEpochSecond();
    for (long other : startTimes(runDirectory)) {
      seconds = Math.max(seconds, other);
    }
    ByteArrayOutputStream round = new ByteArrayOutputStream();
    // In every round, because TensorBoard forgets nothing at the first session start of a folder.
    round.writeBytes(record(sessionStart(times.get(0), afterStep + 1)));
    for (int i = 0; i < steps.size(); i++) {
      round.writeBytes(record(summary(times.get(i), steps.get(i))));
    }
    new GrowingFile(StoredFile.in(runDirectory, name(seconds)))
        .append(
            content -> {
              long complete = completeRecords(content);
              ByteArrayOutputStream end = new ByteArrayOutputStream();
              if (complete == 0) {
                end.writeBytes(record(version(times.get(0))));
              }
              end.writeBytes(round.toByteArray());
              return new GrowingFile.End(complete, end.toByteArray());
            });
  }

  /** The offset at the end of the last complete record. */
  private static long completeRecords(SeekableByteChannel content) throws IOException {
    long size = content.size();
    long end = 0;
    ByteBuffer head = ByteBuffer.allocate(HEAD).order(ByteOrder.LITTLE_ENDIAN);
    while (size - end >= HEAD + Integer.BYTES) {
      head.clear();
      content.position(end);
      while (head.hasRemaining()) {
        if (content.read(head) < 0) {
          throw new EOFException("the event file became shorter while it was read");
        }
      }
      long length = head.getLong(0);
      boolean intact = head.getInt(Long.BYTES) == maskedCrc(head.array(), 0, Long.BYTES);
      if (!intact || length < 0 || length > size - end - HEAD - Integer.BYTES) {
        break;
      }
      end += HEAD + length + Integer.BYTES;
    }
    return end;
  }

  /** The start times in the names of a run's event files, in seconds since 1970. */
  private static List<Long> startTimes(String runDirectory) throws IOException {
    List<Long> startTimes = new ArrayList<>();
    for (String path : StoredFile.matching(runDirectory, PREFIX + "*" + SUFFIX)) {
      Matcher name = NAME.matcher(path);
      if (name.matches()) {
        startTimes.add(Long.parseLong(name.group(1)));
      }
    }
    return startTimes;
  }

  private static String name(long seconds) {
    return String.format(Locale.ROOT, "%s%010d%s", PREFIX, seconds, SUFFIX);
  }

  private static Event version(Instant time) {
    return event(time).setFileVersion("brain.Event:2").build();
  }

  private static Event sessionStart(Instant time, long step) {
    SessionLog started = SessionLog.newBuilder().setStatus(SessionLog.SessionStatus.START).build();
    return event(time).setStep(step).setSessionLog(started).build();
  }

  private static Event summary(Instant time, Map<String, Double> metrics) {
    Summary.Builder summary = Summary.newBuilder();
    new TreeMap<>(metrics)
        .forEach(
            (name, value) -> {
              if (!name.equals(MetricsLog.STEP)) {
                summary.addValueBuilder().setTag(name).setSimpleValue(value.floatValue());
              }
            });
    return event(time)
        .setStep(metrics.get(MetricsLog.STEP).longValue())
        .setSummary(summary)
        .build();
  }

  private static Event.Builder event(Instant time) {
    return Event.newBuilder().setWallTime(time.toEpochMilli() / 1e3);
  }

  /** A TFRecord: length, its masked CRC-32C, bytes, their masked CRC-32C; all little-endian. */
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
