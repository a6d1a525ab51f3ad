package dev.beit2.model.export;

import java.io.IOException;
import java.nio.channels.WritableByteChannel;

/**
 * A file of an export.
 *
 * @param name without folder
 * @param content writes it; may be called again
 */
public record ExportedFile(String name, Content content) {
  /** Writes a file. */
  public interface Content {
    /** Writes all of it; {@code out} stays open. */
    void write(WritableByteChannel out) throws IOException;
  }
}
