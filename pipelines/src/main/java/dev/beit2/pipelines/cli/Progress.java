package dev.beit2.pipelines.cli;

import static java.util.Objects.requireNonNull;

import java.io.Console;
import java.io.PrintStream;
import java.time.Clock;
import java.time.Duration;
import java.time.Instant;
import java.util.ArrayDeque;
import java.util.Deque;
import java.util.Locale;
import java.util.OptionalDouble;

/**
 * Shows the progress of a stage on the console: {@code [2/4 pretrain] 350/700 loss 6.41 118
 * images/s 1 min 12 s left}. On a terminal it redraws one line; elsewhere it prints a line every
 * few seconds, so that a log stays short.
 */
public final class Progress {
  private static final Duration REDRAW = Duration.ofMillis(100);
  private static final Duration NEXT_LINE = Duration.ofSeconds(5);
  // Long enough for a steady number, short enough to show that a machine slows down.
  private static final Duration RATE_WINDOW = Duration.ofSeconds(30);
  private static final Duration SHORTEST_WINDOW = Duration.ofSeconds(1);
  private static final String CLEAR_TO_END = "\u001b[K";

  private record Sample(Instant at, double done, long images) {}

  private final String stage;
  private final long total;
  private final String unit;
  private final PrintStream out;
  private final Clock clock;
  private final boolean terminal;
  private final Instant start;
  private final Deque<Sample> samples = new ArrayDeque<>();
  private double done;
  private Instant lastShown = Instant.MIN;
  private OptionalDouble lastLoss = OptionalDouble.empty();

  /**
   * @param stage name, such as {@code 2/4 pretrain}
   * @param total steps, images, or whatever {@link #update} counts; 0 if unknown
   */
  Progress(String stage, long total, PrintStream out, Clock clock, boolean terminal) {
    this(stage, total, "images", out, clock, terminal);
  }

  private Progress(
      String stage, long total, String unit, PrintStream out, Clock clock, boolean terminal) {
    this.stage = requireNonNull(stage, "stage is null");
    this.total = total;
    this.unit = requireNonNull(unit, "unit is null");
    this.out = requireNonNull(out, "out is null");
    this.clock = requireNonNull(clock, "clock is null");
    this.terminal = terminal;
    this.start = clock.instant();
  }

  /** Progress on stderr with a rate in images per second. */
  public static Progress onStderr(String stage, long total) {
    return onStderr(stage, total, "images");
  }

  /**
   * Progress on stderr.
   *
   * @param unit of the rate, such as {@code MB}
   */
  public static Progress onStderr(String stage, long total, String unit) {
    return new Progress(stage, total, unit, System.err, Clock.systemUTC(), onTerminal());
  }

  /** The launcher script tells whether stderr is a terminal; without it, Java's console decides. */
  @SuppressWarnings("SystemConsoleNull") // checked for JDKs before and after 22
  private static boolean onTerminal() {
    String property = System.getProperty("beit2.terminal");
    if (property != null) {
      return Boolean.parseBoolean(property);
    }
    Console console = System.console();
    if (console == null) {
      return false;
    }
    try {
      // Since JDK 22 a console need not be a terminal.
      return (boolean) Console.class.getMethod("isTerminal").invoke(console);
    } catch (ReflectiveOperationException e) {
      return true;
    }
  }

  /**
   * Begins to measure the rate, now that the work begins; without it, the rate is measured from the
   * first update. What an earlier start has done does not count towards it.
   */
  public synchronized void continueFrom(long done, long images) {
    this.done = done;
    samples.clear();
    samples.add(new Sample(clock.instant(), done, images));
  }

  /**
   * Reports progress; shows it unless the last line is too recent.
   *
   * @param done of the total; a fraction, such as the part of a step, counts for the time left
   * @param loss the latest loss, if the stage has one
   * @param images seen so far, or megabytes, or another unit that the rate is measured in
   */
  public synchronized void update(double done, OptionalDouble loss, long images) {
    Instant now = clock.instant();
    this.done = done;
    lastLoss = loss.isPresent() ? loss : lastLoss;
    samples.addLast(new Sample(now, done, images));
    while (samples.size() > 2 && age(samples.peekFirst(), now).compareTo(RATE_WINDOW) > 0) {
      samples.removeFirst();
    }
    Duration wait = terminal ? REDRAW : NEXT_LINE;
    if (lastShown.equals(Instant.MIN)
        ? terminal || !Duration.between(start, now).minus(wait).isNegative()
        : !Duration.between(lastShown, now).minus(wait).isNegative()) {
      lastShown = now;
      show(line(now), false);
    }
  }

  /** Reports progress of a stage with a loss. */
  public void update(long done, double loss, long images) {
    update(done, OptionalDouble.of(loss), images);
  }

  /** Shows nothing for a while, because another line about the stage is about to be printed. */
  public synchronized void postpone() {
    lastShown = clock.instant();
  }

  /** Shows a line that is not overwritten. */
  public synchronized void line(String line) {
    lastShown = clock.instant();
    show(line, true);
  }

  /** Shows the last line of the stage. */
  public synchronized void done() {
    Instant now = clock.instant();
    show(head() + "  done in " + span(Duration.between(start, now)), true);
  }

  /**
   * Ends the stage with a last line.
   *
   * @param done of the total, as others have counted it
   */
  synchronized void done(long done) {
    this.done = done;
    done();
  }

  /** Ends the stage without a last line; what is printed next gets a line of its own. */
  synchronized void endLine() {
    if (terminal) {
      out.println();
    }
  }

  private static Duration age(Sample sample, Instant now) {
    return Duration.between(sample.at(), now);
  }

  private String head() {
    String head = String.format(Locale.ROOT, "[%s] %d", stage, (long) done);
    head = total > 0 ? head + "/" + total : head;
    return lastLoss.isPresent()
        ? head + String.format(Locale.ROOT, "  loss %.3g", lastLoss.getAsDouble())
        : head;
  }

  private String line(Instant now) {
    Sample first = samples.peekFirst();
    Sample last = samples.peekLast();
    StringBuilder line = new StringBuilder(head());
    if (age(first, now).compareTo(SHORTEST_WINDOW) < 0) {
      return line.toString();
    }
    double seconds = age(first, now).toMillis() / 1e3;
    if (last.images() > first.images()) {
      double rate = (last.images() - first.images()) / seconds;
      line.append("  ").append(rate(rate, unit));
    }
    if (total > 0 && last.done() > first.done()) {
      double left = (total - last.done()) * seconds / (last.done() - first.done());
      line.append("  ").append(span(Duration.ofMillis(Math.round(left * 1e3)))).append(" left");
    }
    return line.toString();
  }

  private void show(String line, boolean last) {
    if (terminal) {
      out.print("\r" + line + CLEAR_TO_END + (last ? "\n" : ""));
    } else {
      out.print(line + "\n");
    }
    out.flush();
  }

  /** Formats a rate: {@code 8.1 images/s}, {@code 118 images/s}. */
  public static String rate(double rate, String unit) {
    return String.format(Locale.ROOT, rate < 10 ? "%.1f %s/s" : "%.0f %s/s", rate, unit);
  }

  /** Formats a duration: {@code 41 s}, {@code 1 min 12 s}, {@code 2 h 05 min}. */
  public static String span(Duration time) {
    long seconds = Math.round(time.toMillis() / 1e3);
    if (seconds < 60) {
      return seconds + " s";
    }
    return seconds < 3600
        ? String.format(Locale.ROOT, "%d min %02d s", seconds / 60, seconds % 60)
        : String.format(Locale.ROOT, "%d h %02d min", seconds / 3600, seconds / 60 % 60);
  }
}
