package dev.beit2.io.image.source;

import dev.beit2.io.store.StoredFile;
import dev.beit2.io.store.UnreadableFileException;
import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.NoSuchFileException;
import javax.annotation.Nullable;

/**
 * A file that is an image, read as a whole and in one request.
 *
 * @param path of the file
 * @param bytes its length when it was listed
 * @param limit of its length; longer ones are not read
 */
record ImageFile(String path, long bytes, long limit) {
  /** How many are read at once: enough for 300 images/s where each takes 100 ms. */
  static final int MOST_AT_ONCE = 32;

  /** The memory for those that are read or wait to be used. */
  static final long MOST_BYTES_AT_ONCE = 64L << 20;

  static ImageFile of(SourcePartition partition, long limit) {
    return new ImageFile(partition.file(), partition.fileBytes(), limit);
  }

  /**
   * What a file holds, or why that cannot be had.
   *
   * @param bytes null if there is a fault
   * @param fault null if there is none
   */
  @SuppressWarnings("ArrayRecordComponent") // never compared
  record Content(@Nullable byte[] bytes, @Nullable String fault) {}

  /**
   * Reads the file.
   *
   * @throws IOException if the file system fails, which is no fault of the file
   */
  Content read() throws IOException {
    try {
      // What was listed may have grown since.
      byte[] content = bytes > limit ? null : new StoredFile(path).readBytes(limit);
      return content == null
          ? new Content(null, "over the limit of " + limit + " bytes")
          : new Content(content, null);
    } catch (AccessDeniedException | NoSuchFileException | UnreadableFileException e) {
      return new Content(null, FormatReader.unreadable(e));
    }
  }
}
