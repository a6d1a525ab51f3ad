package dev.beit2.pipelines;

import static java.nio.charset.StandardCharsets.UTF_8;
import static java.util.Objects.requireNonNull;

import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.ReadableByteChannel;
import java.nio.channels.WritableByteChannel;
import java.nio.file.DirectoryNotEmptyException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Optional;
import java.util.UUID;
import org.apache.beam.sdk.io.FileSystems;
import org.apache.beam.sdk.io.fs.EmptyMatchTreatment;
import org.apache.beam.sdk.io.fs.MatchResult;
import org.apache.beam.sdk.io.fs.ResourceId;

/**
 * One file by its path, on the local disk or in an object store alike, through Beam's {@link
 * FileSystems}. The path holds no wildcards.
 */
record StoredFile(String path) {
  private static final String BYTES = "application/octet-stream";

  StoredFile {
    requireNonNull(path, "path is null");
  }

  /**
   * The file {@code name} (which may hold slashes) below a directory given with or without its last
   * slash.
   */
  static StoredFile in(String directory, String name) {
    return new StoredFile(withoutLastSlash(directory) + "/" + name);
  }

  static String withoutLastSlash(String directory) {
    return directory.length() > 1 && directory.endsWith("/")
        ? directory.substring(0, directory.length() - 1)
        : directory;
  }

  /** The sorted paths of the files that match a glob; none is no error. */
  static List<String> matching(String glob) throws IOException {
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

  boolean exists() throws IOException {
    return matching(path).contains(resource().toString());
  }

  ReadableByteChannel open() throws IOException {
    return FileSystems.open(resource());
  }

  String readText() throws IOException {
    return new String(readBytes(), UTF_8);
  }

  byte[] readBytes() throws IOException {
    try (InputStream in = Channels.newInputStream(open())) {
      return in.readAllBytes();
    }
  }

  void write(ChannelWriter content) throws IOException {
    try (WritableByteChannel channel = FileSystems.create(resource(), BYTES)) {
      content.write(channel);
    }
  }

  /**
   * Writes the file aside and then gives it its name, so that a reader, or a run killed at any
   * point, finds the old content or the new one and never a part.
   */
  void replace(ChannelWriter content) throws IOException {
    StoredFile aside = new StoredFile(path + ".tmp-" + UUID.randomUUID());
    aside.write(content);
    FileSystems.rename(List.of(aside.resource()), List.of(resource()));
  }

  void replace(String text) throws IOException {
    replace(UTF_8.encode(text));
  }

  void replace(ByteBuffer bytes) throws IOException {
    replace(
        channel -> {
          while (bytes.hasRemaining()) {
            channel.write(bytes);
          }
        });
  }

  void delete() throws IOException {
    FileSystems.delete(List.of(resource()));
  }

  /** Deletes the folder of this path, if there is nothing in it; object stores have no folders. */
  void deleteEmptyFolder() throws IOException {
    Optional<Path> local = localPath();
    if (local.isPresent()) {
      try {
        Files.deleteIfExists(local.get());
      } catch (DirectoryNotEmptyException e) {
        // Somebody keeps something in there, which is theirs to remove.
      }
    }
  }

  /** Where the file lies on the local disk, or nothing if it lies elsewhere. */
  Optional<Path> localPath() {
    ResourceId resource = resource();
    return resource.getScheme().equals("file")
        ? Optional.of(Path.of(resource.toString()))
        : Optional.empty();
  }

  private ResourceId resource() {
    return FileSystems.matchNewResource(path, /* isDirectory= */ false);
  }
}
