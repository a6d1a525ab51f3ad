package dev.beit2.io;

/** What a failure says of itself. */
public final class Reason {
  private Reason() {}

  /** Its message, or its kind if it has none: {@code a NullPointerException}. */
  public static String of(Throwable failure) {
    String message = failure.getMessage();
    return message == null || message.isBlank()
        ? "a " + failure.getClass().getSimpleName()
        : message;
  }
}
