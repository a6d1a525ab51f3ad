package dev.beit2.io.store;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.nio.file.StandardCopyOption.ATOMIC_MOVE;
import static java.util.Objects.requireNonNull;

import dev.beit2.io.InputFiles;
import dev.beit2.io.InputFiles.InputFile;
import dev.beit2.io.InputFiles.Unreadable;
import dev.beit2.io.InvalidInputException;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.channels.ReadableByteChannel;
import java.nio.channels.SeekableByteChannel;
import java.nio.channels.WritableByteChannel;
import java.nio.file.AccessDeniedException;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.Files;
import java.nio.file.NoSuchFileException;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.UUID;
import java.util.function.Consumer;
import java.util.zip.CRC32C;
import javax.annotation.Nullable;
import org.apache.beam.sdk.io.FileSystems;
import org.apache.beam.sdk.io.fs.EmptyMatchTreatment;
import org.apache.beam.sdk.io.fs.MatchResult;
import org.apache.beam.sdk.io.fs.MoveOptions.StandardMoveOptions;
import org.apache.beam.sdk.io.fs.ResourceId;

/**
 * A file on the local disk or in an object store, through Beam's {@link FileSystems}. A local path
 * may contain any characters, and {@code file:} before it; in an object store Beam takes {@code * ?
 * [ ]} for wildcards.
 *
 * <p>A file appears complete or not at all: a reader, or a run killed at any point, finds the old
 * content or the new one. On file systems with rename, a temporary file is written and then
 * renamed. On {@code gs://} the file is written under its own name, and its checksum is compared
 * with the store's.
 *
 * <pre>{@code
 * StoredFile file = StoredFile.in("gs://bucket/run", "metrics.jsonl");
 * file.write("{}\n");
 * }</pre>
 */
public record StoredFile(String path) {
  public StoredFile {
    path = InputFiles.withoutLocalScheme(requireNonNull(path, "path is null"));
  }

  /**
   * The file {@code name}, which may contain slashes, in a directory. The directory may end in a
   * slash.
   */
  public static StoredFile in(String directory, String name) {
    String folder = withoutLastSlash(directory);
    return new StoredFile(folder + (folder.endsWith("/") ? "" : "/") + name);
  }

  public static String withoutLastSlash(String directory) {
    return directory.length() > 1 && directory.endsWith("/")
        ? directory.substring(0, directory.length() - 1)
        : directory;
  }

  /**
   * The sorted paths of the files in a directory that match a glob; empty if there are none.
   *
   * @param glob the files' names, or their paths below the directory
   */
  public static List<String> matching(String directory, String glob) throws IOException {
    Optional<Path> local = InputFiles.local(directory);
    if (local.isPresent()) {
      return Files.isDirectory(local.get())
          ? InputFiles.match(in(directory, glob).path()).stream().map(InputFile::path).toList()
          : List.of();
    }
    return matchingObjects(in(directory, glob).path());
  }

  private static List<String> matchingObjects(String glob) throws IOException {
    MatchResult result = FileSystems.match(glob, EmptyMatchTreatment.ALLOW);
    if (result.status() == MatchResult.Status.NOT_FOUND) {
      return List.of();
    }
    List<String> paths = new ArrayList<>();
    for (MatchResult.Metadata file : result.metadata()) {
      paths.add(file.resourceId().toString());
    }
    Collections.sort(paths);
    return paths;
  }

  /**
   * Passes on all files below a folder, at any depth and in any order, without holding them in
   * memory.
   *
   * @return what is unreadable
   */
  public static List<Unreadable> visitBelow(String folder, Consumer<InputFile> files)
      throws IOException {
    if (isObject(folder)) {
      ObjectStore.get().visit(withoutLastSlash(folder) + "/", files);
      return List.of();
    }
    return InputFiles.visit(InputFiles.inFolder(folder, "**"), files);
  }

  public boolean exists() throws IOException {
    Optional<Path> local = localPath();
    return local.isPresent()
        ? Files.isRegularFile(local.get())
        : matchingObjects(path).contains(resource().toString());
  }

  /**
   * The file's length in bytes.
   *
   * @throws FileNotFoundException if there is none
   */
  public long length() throws IOException {
    Optional<Path> local = localPath();
    if (local.isEmpty()) {
      return FileSystems.matchSingleFileSpec(path).sizeBytes();
    }
    try {
      return Files.size(local.get());
    } catch (NoSuchFileException e) {
      throw (IOException) new FileNotFoundException("no file " + path).initCause(e);
    }
  }

  /**
   * Opens the file for reading from its beginning, in one request where it is an object; the caller
   * closes it.
   *
   * @throws IOException if there is none; for an object this is known when it is read
   */
  public ReadableByteChannel open() throws IOException {
    return inObjectStore() ? ObjectStore.get().open(path) : FileSystems.open(resource());
  }

  /**
   * Opens the file for random access; the caller closes it.
   *
   * @throws IOException if it cannot be read, or its file system has no random access
   */
  public SeekableByteChannel openSeekable() throws IOException {
    ReadableByteChannel channel = FileSystems.open(resource());
    if (channel instanceof SeekableByteChannel seekable) {
      return seekable;
    }
    channel.close();
    throw new IOException(path + " is on a file system without random access");
  }

  /**
   * Reads a part of the file, in one request where the file is an object.
   *
   * @return the bytes from {@code start} on: {@code length} of them, or fewer where the file ends
   * @throws NoSuchFileException if there is no file
   */
  public byte[] read(long start, int length) throws IOException {
    if (inObjectStore()) {
      return ObjectStore.get().read(path, start, length);
    }
    Optional<Path> local = localPath();
    try (SeekableByteChannel file =
        local.isPresent() ? FileChannel.open(local.get()) : openSeekable()) {
      return ChannelBytes.read(file.position(start), length);
    }
  }

  /**
   * Opens the file for random access; the caller closes it.
   *
   * @param listedLength its length when it was listed, which saves a request where it is an object
   */
  public SeekableByteChannel openSeekable(long listedLength) throws IOException {
    if (inObjectStore()) {
      return new SeekableObject(() -> ObjectStore.get().open(path), listedLength);
    }
    Optional<Path> local = localPath();
    return local.isPresent() ? FileChannel.open(local.get()) : openSeekable();
  }

  public String readText() throws IOException {
    return new String(readBytes(), UTF_8);
  }

  /**
   * Reads the whole file, in one request where it is an object.
   *
   * @throws FileNotFoundException if there is none
   */
  public byte[] readBytes() throws IOException {
    try {
      return requireNonNull(readBytes(Integer.MAX_VALUE - 8));
    } catch (NoSuchFileException e) {
      throw (IOException) new FileNotFoundException("no file " + path).initCause(e);
    }
  }

  /**
   * Reads the whole file, in one request where it is an object; null if it is longer than the
   * limit.
   *
   * @throws NoSuchFileException if there is none
   * @throws AccessDeniedException if it may not be read
   * @throws UnreadableFileException if it is an object that cannot be read, but others can
   */
  @Nullable
  public byte[] readBytes(long limit) throws IOException {
    Optional<Path> local = localPath();
    try (ReadableByteChannel channel = local.isPresent() ? FileChannel.open(local.get()) : open();
        InputStream in = Channels.newInputStream(channel)) {
      if (channel instanceof FileChannel file && file.size() > limit) {
        return null;
      }
      byte[] bytes = in.readNBytes((int) Math.min(Integer.MAX_VALUE - 8, limit + 1));
      return bytes.length > limit ? null : bytes;
    }
  }

  /** Reads the whole file and returns its length and checksum. */
  public WriteResult measure() throws IOException {
    ByteBuffer buffer = ByteBuffer.allocate(1 << 16);
    CRC32C crc = new CRC32C();
    long bytes = 0;
    try (ReadableByteChannel channel = open()) {
      while (channel.read(buffer) >= 0) {
        bytes += buffer.flip().remaining();
        crc.update(buffer);
        buffer.clear();
      }
    }
    return new WriteResult(bytes, (int) crc.getValue());
  }

  /**
   * Writes the file and replaces an existing one.
   *
   * @throws IOException if that fails, or the store received other bytes; the message names the
   *     file
   */
  public WriteResult write(ChannelWriter content) throws IOException {
    return inObjectStore()
        ? ObjectStore.get().write(path, contentType(), content)
        : writeToTemporaryFile(content);
  }

  public WriteResult write(String text) throws IOException {
    return write(text.getBytes(UTF_8));
  }

  public WriteResult write(byte[] bytes) throws IOException {
    return inObjectStore()
        ? ObjectStore.get().write(path, contentType(), bytes)
        : writeToTemporaryFile(channel -> writeFully(channel, bytes));
  }

  /**
   * Creates a file that makes earlier files valid, such as a manifest. The caller has checked that
   * it does not exist.
   *
   * @throws InvalidInputException on {@code gs://}, if somebody else created it meanwhile with
   *     another content
   */
  public void commit(String text) throws IOException {
    byte[] bytes = text.getBytes(UTF_8);
    if (inObjectStore()) {
      ObjectStore.get().create(path, contentType(), bytes);
    } else {
      writeToTemporaryFile(channel -> writeFully(channel, bytes));
    }
  }

  /** The generation of a file that does not exist. */
  static final long ABSENT = 0;

  /**
   * A file's content at one time.
   *
   * @param generation changes with each write; 1 where the file system does not count them
   */
  record Version(long generation, String text) {}

  /** The file's content as it is, or nothing if there is no file. */
  Optional<Version> version() throws IOException {
    if (inObjectStore()) {
      return ObjectStore.get().version(path);
    }
    return exists() ? Optional.of(new Version(1, readText())) : Optional.empty();
  }

  /**
   * Writes the file if its generation is still the given one, or {@link #ABSENT}. Where the file
   * system does not count generations, only that is checked whether it exists.
   *
   * @return the generation that was written, or nothing if somebody else has written meanwhile
   */
  OptionalLong replace(long generation, String text) throws IOException {
    byte[] bytes = text.getBytes(UTF_8);
    if (inObjectStore()) {
      return ObjectStore.get().replace(path, contentType(), bytes, generation);
    }
    if (exists() != (generation != ABSENT)) {
      return OptionalLong.empty();
    }
    writeToTemporaryFile(channel -> writeFully(channel, bytes));
    return OptionalLong.of(1);
  }

  /** Deletes the file if its generation is still the given one. */
  void delete(long generation) throws IOException {
    if (inObjectStore()) {
      ObjectStore.get().delete(path, generation);
    } else {
      deleteIfExists();
    }
  }

  private WriteResult writeToTemporaryFile(ChannelWriter content) throws IOException {
    // Two attempts at the same file may run at once, so each temporary file has its own name.
    ResourceId target = resource();
    String name = temporaryName(target.getFilename(), UUID.randomUUID().toString());
    StoredFile temporary =
        new StoredFile(path.substring(0, path.length() - target.getFilename().length()) + name);
    try {
      Optional<Path> parent = temporary.localPath().map(Path::getParent);
      if (parent.isPresent() && !Files.isDirectory(parent.get())) {
        Files.createDirectories(parent.get()); // Beam would not say why it cannot
      }
      WriteResult written;
      try (WritableByteChannel channel = FileSystems.create(temporary.resource(), contentType())) {
        MeasuredChannel measured = new MeasuredChannel(channel);
        content.write(measured);
        written = measured.written();
      }
      temporary.rename(this);
      return written;
    } catch (IOException e) {
      discard(temporary, e);
      // The message for a full disk does not name the file.
      throw new IOException("cannot write " + path + " (" + e.getMessage() + ")", e);
    } catch (RuntimeException e) {
      discard(temporary, e);
      throw e;
    }
  }

  private void rename(StoredFile target) throws IOException {
    Optional<Path> local = localPath();
    if (local.isEmpty()) {
      FileSystems.rename(List.of(resource()), List.of(target.resource()));
      return;
    }
    try {
      // Beam would not say why it cannot.
      Files.move(local.get(), target.localPath().orElseThrow(), ATOMIC_MOVE);
    } catch (NoSuchFileException e) {
      throw new IOException("the file system has changed: " + path + " is gone", e);
    }
  }

  private static void discard(StoredFile temporary, Exception why) {
    try {
      temporary.deleteIfExists();
    } catch (IOException notDeleted) {
      why.addSuppressed(notDeleted);
    }
  }

  private static String temporaryName(String name, String attempt) {
    return "." + name + "." + attempt + ".tmp";
  }

  /**
   * Deletes the temporary files that killed writers left in a folder.
   *
   * @param names the names of the files, a glob
   */
  public static void deleteTemporaryFiles(String directory, String names) throws IOException {
    for (String path : matching(directory, temporaryName(names, "*"))) {
      new StoredFile(path).deleteIfExists();
    }
  }

  private static void writeFully(WritableByteChannel channel, byte[] bytes) throws IOException {
    ByteBuffer buffer = ByteBuffer.wrap(bytes);
    while (buffer.hasRemaining()) {
      channel.write(buffer);
    }
  }

  public void deleteIfExists() throws IOException {
    Optional<Path> local = localPath();
    if (local.isPresent()) {
      Files.deleteIfExists(local.get()); // Beam would look for it by a pattern
    } else {
      FileSystems.delete(List.of(resource()), StandardMoveOptions.IGNORE_MISSING_FILES);
    }
  }

  /** Deletes the folder at this path if it is empty. Object stores have no folders. */
  public void deleteEmptyFolder() throws IOException {
    Optional<Path> local = localPath();
    if (local.isPresent()) {
      try {
        Files.deleteIfExists(local.get());
      } catch (DirectoryNotEmptyException e) {
        // It contains other files, which stay.
      }
    }
  }

  /** Where the file lies on the local disk, or nothing if it lies elsewhere. */
  public Optional<Path> localPath() {
    return InputFiles.local(path).map(Path::toAbsolutePath);
  }

  private boolean inObjectStore() {
    return isObject(path);
  }

  private static boolean isObject(String path) {
    return path.startsWith(ObjectStore.SCHEME + "://");
  }

  private String contentType() {
    if (path.endsWith(".parquet")) {
      return "application/vnd.apache.parquet";
    }
    return path.endsWith(".json") ? "application/json" : "application/octet-stream";
  }

  private ResourceId resource() {
    return InputFiles.resource(path, /* isFolder= */ false);
  }
}
