package dev.beit2.io.store;

import com.google.cloud.ReadChannel;
import com.google.cloud.storage.BlobId;
import com.google.cloud.storage.Storage;
import com.google.cloud.storage.StorageException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ReadableByteChannel;
import java.nio.file.AccessDeniedException;
import java.nio.file.NoSuchFileException;

/** Reads an object, in one request as long as nothing breaks; what breaks is resumed. */
final class ObjectChannel implements ReadableByteChannel {
  private static final int UNAUTHORIZED = 401;
  private static final int FORBIDDEN = 403;
  private static final int NOT_FOUND = 404;

  private final Storage storage;
  private final String path;
  private final ReadChannel object;

  ObjectChannel(Storage storage, String path) {
    this.storage = storage;
    this.path = path;
    this.object = storage.reader(BlobId.fromGsUtilUri(path));
    object.setChunkSize(0); // no buffer: each read goes on with the answer to the one request
  }

  /** Reads only the bytes [start, end); before the first read. */
  void limit(long start, long end) throws IOException {
    object.seek(start);
    object.limit(end);
  }

  @Override
  public int read(ByteBuffer into) throws IOException {
    try {
      return object.read(into);
    } catch (StorageException e) {
      throw unreadable(e);
    } catch (IOException e) {
      throw e.getCause() instanceof StorageException cause ? unreadable(cause) : e;
    }
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
