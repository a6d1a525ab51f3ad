package dev.beit2.pipelines.cli;

import java.net.UnknownHostException;
import java.nio.file.AccessDeniedException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Pattern;
import org.apache.beam.sdk.util.UserCodeException;
import org.apache.flink.util.SerializedThrowable;

/** What is wrong with a machine, before a command starts or as its failure shows. */
final class Machine {
  private static final String ENCODING = "UTF-8";
  private static final String FOLDERS =
      "a folder for unpacked native libraries that can be written and may execute (not noexec), other"
          + " than those in "
          + System.getProperty("user.home")
          + ": BEIT2_CACHE=FOLDER ./beit2 …";

  /** What the system says of a failure, and what to do. */
  private static final Map<Pattern, String> REMEDIES = new LinkedHashMap<>();

  static {
    remedy("failed to map segment from shared object", FOLDERS);
    remedy("Failed to load PyTorch native library|org.bytedeco.javacpp.cachedir", FOLDERS);
    remedy("cannot open shared object file|version `GLIBC", "that library; see README.md");
    remedy(
        "No space left on device|Disk quota exceeded|File too large",
        "free space, or another folder; temporary files go to TMPDIR=FOLDER");
    remedy("Read-only file system|Permission denied", "a folder that can be written");
    remedy("Too many open files", "a higher limit: ulimit -n 65536");
    remedy(
        "Input/output error|Stale file handle|Transport endpoint|the file system has changed",
        "a file system that works");
    remedy("unable to create native thread", "a higher limit of processes: ulimit -u");
    remedy(
        "can't allocate memory|Cannot allocate memory|bad_alloc", "more memory, or less at once");
  }

  private Machine() {}

  private static void remedy(String said, String wanted) {
    REMEDIES.put(Pattern.compile(said), wanted);
  }

  /** Why no command can run here, in one line. */
  static Optional<String> unfit() {
    String encoding = System.getProperty("sun.jnu.encoding");
    if (!ENCODING.equals(encoding)) {
      return Optional.of(
          "LC_ALL: found the encoding %s for names of files; wanted a locale of %s, such as C.UTF-8"
              .formatted(encoding, ENCODING));
    }
    Path temporary = temporary();
    if (!Files.isDirectory(temporary) || !Files.isWritable(temporary)) {
      return Optional.of(
          "TMPDIR: found no folder %s that can be written; wanted one, for temporary files"
              .formatted(temporary));
    }
    return Optional.empty();
  }

  private static Path temporary() {
    return Path.of(System.getProperty("java.io.tmpdir"));
  }

  /**
   * What the machine lacks, in one line, if that made a command fail.
   *
   * @param causes the failure and its causes
   */
  static Optional<String> trouble(List<Throwable> causes) {
    boolean elsewhere = causes.stream().anyMatch(SerializedThrowable.class::isInstance);
    for (Throwable cause : causes) {
      if (cause instanceof OutOfMemoryError && ofHeap(cause)) {
        return Optional.of(tooSmallHeap(cause, elsewhere));
      }
      if (cause instanceof UnknownHostException unknown && ofThisMachine(unknown)) {
        return Optional.of(namelessMachine(unknown));
      }
    }
    for (Throwable cause : causes) {
      String said = said(cause);
      for (Map.Entry<Pattern, String> remedy : REMEDIES.entrySet()) {
        if (remedy.getKey().matcher(said).find() && !repeats(cause)) {
          boolean unnamed = remedy.getKey().matcher(said).matches();
          String found = unnamed ? said + " (temporary files: " + temporary() + ")" : said;
          return Optional.of("found " + found + "; wanted " + remedy.getValue());
        }
      }
    }
    return Optional.empty();
  }

  private static boolean ofHeap(Throwable failure) {
    return !said(failure).contains("native thread");
  }

  private static String tooSmallHeap(Throwable failure, boolean elsewhere) {
    return elsewhere
        ? "--flinkMaster: found too small a Java heap of a worker (%s); wanted more, such as ./beit2 cluster start --heapMegabytes=4096"
            .formatted(said(failure))
        : "BEIT2_HEAP: found a Java heap of %d MB, which is too small (%s); wanted more, such as BEIT2_HEAP=4g ./beit2 …"
            .formatted(Runtime.getRuntime().maxMemory() >> 20, said(failure));
  }

  /** Whether this machine's own name was looked up, which Flink does. */
  private static boolean ofThisMachine(UnknownHostException failure) {
    return Arrays.stream(failure.getStackTrace())
        .anyMatch(frame -> frame.getMethodName().equals("getLocalHost"));
  }

  private static String namelessMachine(UnknownHostException failure) {
    String name = said(failure).replaceFirst(":.*", "");
    return "the name of this machine: found %s, which has no address; wanted the line \"127.0.0.1 %s\" in /etc/hosts"
        .formatted(name, name);
  }

  private static String said(Throwable cause) {
    String message = cause.getMessage() == null ? "" : cause.getMessage();
    return cause instanceof AccessDeniedException ? message + ": Permission denied" : message;
  }

  /** Whether the next cause says the same and no more: a wrapper around it. */
  private static boolean repeats(Throwable cause) {
    Throwable next = cause.getCause();
    return cause instanceof SerializedThrowable
        || cause instanceof UserCodeException
        || (next != null && cause.toString().endsWith(next.toString()));
  }
}
