package dev.beit2.io.store;

import com.google.cloud.ReadChannel;
import com.google.cloud.storage.Blob;
import com.google.cloud.storage.BlobId;
import com.google.cloud.storage.Storage;
import com.google.cloud.storage.Storage.BlobField;
import com.google.cloud.storage.Storage.BlobGetOption;
import com.google.cloud.storage.StorageException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ReadableByteChannel;
import java.nio.file.AccessDeniedException;
import java.nio.file.NoSuchFileException;

/**
 * Reads an object, in one request as long as nothing breaks; what breaks is resumed. Where nothing
 * is in it, another request asks whether that is so.
 */
final class ObjectChannel implements ReadableByteChannel {
  private static final int UNAUTHORIZED = 401;
  private static final int FORBIDDEN = 403;
  private static final int NOT_FOUND = 404;

  private static final int ATTEMPTS = 6;

  private final Storage storage;
  private final String path;
  private ReadChannel object;
  private long start;
  private long end = Long.MAX_VALUE;
  private boolean begun;

  ObjectChannel(Storage storage, String path) {
    this.storage = storage;
    this.path = path;
    this.object = request();
  }

  private ReadChannel request() {
    ReadChannel request = storage.reader(BlobId.fromGsUtilUri(path));
    request.setChunkSize(0); // no buffer: each read goes on with the answer to the one request
    return request;
  }

  /** Reads only the bytes [start, end); before the first read. */
  void limit(long first, long last) throws IOException {
    start = first;
    end = last;
    object.seek(start);
    object.limit(end);
  }

  @Override
  public int read(ByteBuffer into) throws IOException {
    try {
      int read = object.read(into);
      for (int attempt = 1; read < 0 && !begun && !isEmpty(); attempt++) {
        if (attempt == ATTEMPTS) {
          throw new IOException("cannot read " + path + " (answers without content)");
        }
        object.close();
        object = request();
        limit(start, end);
        read = object.read(into);
      }
      begun |= read > 0;
      return read;
    } catch (StorageException e) {
      throw unreadable(e);
    } catch (IOException e) {
      throw e.getCause() instanceof StorageException cause ? unreadable(cause) : e;
    }
  }

  /**
   * Whether there is nothing to read. A connection that breaks before the length was told looks
   * like that, too, so the store is asked.
   */
  private boolean isEmpty() {
    Blob stored = storage.get(BlobId.fromGsUtilUri(path), BlobGetOption.fields(BlobField.SIZE));
    return stored != null && Math.min(stored.getSize(), end) <= start;
  }

  private IOException unreadable(StorageException e) {
    IOException failure =
        switch (e.getCode()) {
          case NOT_FOUND -> new NoSuchFileException(path);
          case FORBIDDEN, UNAUTHORIZED -> new AccessDeniedException(path, null, e.getMessage());
          default ->
              storeAnswers()
                  ? new UnreadableFileException(path, e.getMessage())
                  : new IOException("cannot read " + path + " (" + e.getMessage() + ")");
        };
    failure.initCause(e);
    return failure;
  }

  /** Whether the store tells what it knows of the object, so that it is not the store's failure. */
  private boolean storeAnswers() {
    try {
      return storage.get(BlobId.fromGsUtilUri(path)) != null;
    } catch (StorageException e) {
      return false;
    }
  }

  @Override
  public boolean isOpen() {
    return object.isOpen();
  }

  @Override
  public void close() {
    object.close();
  }
}
