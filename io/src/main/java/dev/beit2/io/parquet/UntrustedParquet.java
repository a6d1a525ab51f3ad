package dev.beit2.io.parquet;

import java.io.IOException;

/** What a Parquet file may claim without ending the program that reads it. */
public final class UntrustedParquet {
  private UntrustedParquet() {}

  /** A call of Parquet's code. */
  public interface Call<T> {
    T run() throws IOException;
  }

  /**
   * Makes a call that works on a file's content. Parquet trusts what it reads: counts become the
   * lengths of arrays, and nested types a recursion.
   *
   * @throws IOException if that is too much for the heap or the stack
   */
  public static <T> T bounded(Call<T> call) throws IOException {
    try {
      return call.run();
    } catch (StackOverflowError e) {
      throw new IOException("types nested too deeply", e);
    } catch (OutOfMemoryError e) {
      throw new IOException(
          "claims of more memory than the Java heap of %d MB has"
              .formatted(Runtime.getRuntime().maxMemory() >> 20),
          e);
    }
  }

  /** Why Parquet could not read a file, in a few words. */
  public static String reason(Throwable failure) {
    Throwable cause = failure;
    // Parquet wraps what says something; what is below an error of memory says less.
    while (cause.getCause() != null && !(cause.getCause() instanceof Error)) {
      cause = cause.getCause();
    }
    // Parquet's own code fails on nonsense with messages about Java.
    return cause.getMessage() == null
            || cause instanceof NullPointerException
            || cause instanceof ClassCastException
        ? "its content is no Parquet that fits together"
        : cause.getMessage();
  }
}
