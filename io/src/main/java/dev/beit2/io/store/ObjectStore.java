package dev.beit2.io.store;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.google.auth.Credentials;
import com.google.cloud.NoCredentials;
import com.google.cloud.WriteChannel;
import com.google.cloud.storage.Blob;
import com.google.cloud.storage.BlobId;
import com.google.cloud.storage.BlobInfo;
import com.google.cloud.storage.HttpStorageOptions;
import com.google.cloud.storage.Storage;
import com.google.cloud.storage.Storage.BlobField;
import com.google.cloud.storage.Storage.BlobListOption;
import com.google.cloud.storage.Storage.BlobSourceOption;
import com.google.cloud.storage.Storage.BlobTargetOption;
import com.google.cloud.storage.StorageException;
import com.google.cloud.storage.StorageOptions;
import com.google.cloud.storage.StorageRetryStrategy;
import dev.beit2.io.InputFiles.InputFile;
import dev.beit2.io.InvalidInputException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.AccessDeniedException;
import java.nio.file.NoSuchFileException;
import java.util.Base64;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.function.Consumer;
import javax.annotation.Nullable;
import org.apache.beam.sdk.extensions.gcp.auth.NoopCredentialFactory;
import org.apache.beam.sdk.extensions.gcp.options.GcsOptions;
import org.apache.beam.sdk.options.PipelineOptions;

/**
 * Writes to Google Cloud Storage, where an object appears complete or not at all. Objects are
 * written under their own names: a temporary object would have to be copied to rename it, and a
 * killed writer would leave it behind.
 *
 * <p>Beam's file system for {@code gs://} lists, reads and deletes. It is not enough for writing:
 * its channels finish the object when they are closed, even if the writing failed, and they support
 * neither preconditions nor the checksum that the store computed.
 *
 * <p>Endpoint, credentials and buffer size are those of Beam's {@link GcsOptions}. All requests may
 * be retried, because an object has only one possible content.
 */
final class ObjectStore {
  static final String SCHEME = "gs";

  private static final int PRECONDITION_FAILED = 412;
  // Objects need only a bucket, but a client without a project searches for one, in the end on the
  // network.
  private static final String NO_PROJECT = "none";
  private static final String CONNECTIONS = "http.maxConnections";

  @Nullable private static PipelineOptions options;
  @Nullable private static ObjectStore opened;

  private final Storage storage;

  @Nullable private final Integer uploadBufferBytes;

  private ObjectStore(GcsOptions options) {
    this.storage = connect(options);
    this.uploadBufferBytes = options.getGcsUploadBufferSizeBytes();
  }

  /** Remembers the options. The client is opened when the first {@code gs://} path is written. */
  static synchronized void configure(PipelineOptions newOptions) {
    options = newOptions;
    opened = null;
  }

  static synchronized ObjectStore get() {
    if (opened == null) {
      if (options == null) {
        throw new IllegalStateException("FileSystems.setDefaultPipelineOptions was not called");
      }
      opened = new ObjectStore(options.as(GcsOptions.class));
    }
    return opened;
  }

  private static Storage connect(GcsOptions options) {
    // The JDK keeps only 5 connections by default, and each new one costs several round trips.
    if (System.getProperty(CONNECTIONS) == null) {
      System.setProperty(CONNECTIONS, "64");
    }
    HttpStorageOptions.Builder builder =
        StorageOptions.http()
            .setProjectId(NO_PROJECT)
            .setCredentials(credentials(options))
            .setStorageRetryStrategy(StorageRetryStrategy.getUniformStorageRetryStrategy());
    if (options.getGcsEndpoint() != null) {
      // Beam's option contains the path of the API as well.
      builder.setHost(options.getGcsEndpoint().replaceFirst("(://[^/]*).*", "$1"));
    }
    return builder.build().getService();
  }

  private static Credentials credentials(GcsOptions options) {
    if (options.getCredentialFactoryClass() == NoopCredentialFactory.class) {
      return NoCredentials.getInstance();
    }
    Credentials credentials = options.getGcpCredential();
    return credentials == null ? NoCredentials.getInstance() : credentials;
  }

  /**
   * Writes an object and replaces an existing one. If the writer or the upload fails, the existing
   * object stays.
   *
   * @throws IOException if it fails, or the store received other bytes; the message names the
   *     object
   */
  WriteResult write(String path, String contentType, ChannelWriter content) throws IOException {
    BlobInfo info = info(path, contentType);
    try {
      WriteChannel upload = storage.writer(info);
      if (uploadBufferBytes != null) {
        upload.setChunkSize(uploadBufferBytes);
      }
      MeasuredChannel measured = new MeasuredChannel(upload);
      content.write(measured);
      upload.close(); // only now: an upload that is not closed ends without an object
      requireSame(path, measured.written(), storage.get(info.getBlobId()));
      return measured.written();
    } catch (StorageException e) {
      throw failed(path, e);
    }
  }

  /** Writes an object whose content is in memory, in one request. */
  WriteResult write(String path, String contentType, byte[] content) throws IOException {
    try {
      return put(path, contentType, content);
    } catch (StorageException e) {
      throw failed(path, e);
    }
  }

  private static BlobInfo info(String path, String contentType) {
    return BlobInfo.newBuilder(BlobId.fromGsUtilUri(path)).setContentType(contentType).build();
  }

  private static IOException failed(String path, StorageException e) {
    return new IOException("cannot write " + path + " (" + e.getMessage() + ")", e);
  }

  private static void requireSame(String path, WriteResult written, @Nullable BlobInfo stored)
      throws IOException {
    if (stored == null || !same(written, stored)) {
      String found =
          stored == null
              ? "is not there"
              : "is " + stored.getSize() + " bytes with crc32c " + stored.getCrc32cToHexString();
      throw new IOException(
          String.format(
              "%s %s after %d bytes with %s were written",
              path, found, written.bytes(), written.crc32cHex()));
    }
  }

  private static boolean same(WriteResult written, BlobInfo stored) {
    return stored.getSize() == written.bytes() && base64(written).equals(stored.getCrc32c());
  }

  /** The checksum in the store's notation: big-endian, in base64. */
  static String base64(WriteResult written) {
    byte[] bigEndian = ByteBuffer.allocate(Integer.BYTES).putInt(written.crc32c()).array();
    return Base64.getEncoder().encodeToString(bigEndian);
  }

  /**
   * Creates an object in one request. An existing object with the same content is a success: the
   * response to an earlier request was lost, or another attempt at the same task was first.
   *
   * @throws InvalidInputException if an object with another content exists
   */
  void create(String path, String contentType, byte[] content) throws IOException {
    try {
      put(path, contentType, content, BlobTargetOption.doesNotExist());
    } catch (StorageException e) {
      if (e.getCode() != PRECONDITION_FAILED) {
        throw failed(path, e);
      }
      Blob present = storage.get(BlobId.fromGsUtilUri(path));
      if (present == null || !same(WriteResult.of(content), present)) {
        throw new InvalidInputException(
            path + " written by another process meanwhile", "one process at a time", e);
      }
    }
  }

  /**
   * Reads a part of an object in one request; interrupted ones are resumed.
   *
   * @return {@code length} bytes, or fewer where the object ends
   * @throws NoSuchFileException if there is no object
   * @throws AccessDeniedException if it may not be read
   * @throws UnreadableFileException if it cannot be read, but the store answers
   */
  byte[] read(String path, long start, int length) throws IOException {
    try (ObjectChannel object = open(path)) {
      object.limit(start, start + length);
      return ChannelBytes.read(object, length);
    }
  }

  /** Passes on all objects whose names begin as a path does, which ends in a slash. */
  void visit(String folder, Consumer<InputFile> files) throws IOException {
    BlobId prefix = BlobId.fromGsUtilUri(folder);
    String bucket = SCHEME + "://" + prefix.getBucket() + "/";
    try {
      Iterable<Blob> objects =
          storage
              .list(
                  prefix.getBucket(),
                  BlobListOption.prefix(prefix.getName()),
                  BlobListOption.fields(BlobField.NAME, BlobField.SIZE))
              .iterateAll();
      for (Blob object : objects) {
        if (!object.getName().endsWith("/")) {
          String name = object.getName().substring(prefix.getName().length());
          files.accept(new InputFile(bucket + object.getName(), name, object.getSize()));
        }
      }
    } catch (StorageException e) {
      throw new IOException("cannot list " + folder + " (" + e.getMessage() + ")", e);
    }
  }

  /** Opens an object, which is read from its beginning in one request; see {@link #read}. */
  ObjectChannel open(String path) {
    return new ObjectChannel(storage, path);
  }

  /** The content of a small object as it is, or nothing if there is none. */
  Optional<StoredFile.Version> version(String path) throws IOException {
    try {
      Blob present = storage.get(BlobId.fromGsUtilUri(path));
      return present == null
          ? Optional.empty()
          : Optional.of(
              new StoredFile.Version(
                  present.getGeneration(), new String(present.getContent(), UTF_8)));
    } catch (StorageException e) {
      throw new IOException("cannot read " + path + " (" + e.getMessage() + ")", e);
    }
  }

  /**
   * Writes an object if its generation is still the given one; 0 means that there is none.
   *
   * @return the new generation, or nothing if somebody else has written it meanwhile
   */
  OptionalLong replace(String path, String contentType, byte[] content, long generation)
      throws IOException {
    try {
      Blob stored =
          storage.create(
              info(path, contentType), content, BlobTargetOption.generationMatch(generation));
      return OptionalLong.of(stored.getGeneration());
    } catch (StorageException e) {
      if (e.getCode() != PRECONDITION_FAILED) {
        throw failed(path, e);
      }
      Blob present = storage.get(BlobId.fromGsUtilUri(path));
      // The answer to an earlier request was lost.
      return present != null && same(WriteResult.of(content), present)
          ? OptionalLong.of(present.getGeneration())
          : OptionalLong.empty();
    }
  }

  /** Deletes an object if its generation is still the given one. */
  void delete(String path, long generation) throws IOException {
    try {
      storage.delete(BlobId.fromGsUtilUri(path), BlobSourceOption.generationMatch(generation));
    } catch (StorageException e) {
      if (e.getCode() != PRECONDITION_FAILED) {
        throw new IOException("cannot delete " + path + " (" + e.getMessage() + ")", e);
      }
    }
  }

  /** The client also sends the checksum of the content, and the store refuses other bytes. */
  private WriteResult put(
      String path, String contentType, byte[] content, BlobTargetOption... options)
      throws IOException {
    WriteResult written = WriteResult.of(content);
    requireSame(path, written, storage.create(info(path, contentType), content, options));
    return written;
  }
}
