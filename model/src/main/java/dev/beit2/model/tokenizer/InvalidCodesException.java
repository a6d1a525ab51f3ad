package dev.beit2.model.tokenizer;

/** A program makes something that is no code of its codebook. No image is at fault. */
public final class InvalidCodesException extends RuntimeException {
  private static final long serialVersionUID = 1L;

  InvalidCodesException(String message) {
    super(message);
  }
}
