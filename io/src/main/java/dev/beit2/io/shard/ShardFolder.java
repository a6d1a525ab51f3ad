package dev.beit2.io.shard;

import static java.util.Objects.requireNonNull;

import java.io.FileNotFoundException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.channels.Channels;
import java.nio.channels.ReadableByteChannel;
import java.nio.channels.SeekableByteChannel;
import java.nio.channels.WritableByteChannel;
import java.util.List;
import java.util.Set;
import java.util.UUID;
import org.apache.beam.sdk.io.FileSystems;
import org.apache.beam.sdk.io.fs.EmptyMatchTreatment;
import org.apache.beam.sdk.io.fs.MatchResult;
import org.apache.beam.sdk.io.fs.MoveOptions.StandardMoveOptions;
import org.apache.beam.sdk.io.fs.ResolveOptions.StandardResolveOptions;
import org.apache.beam.sdk.io.fs.ResourceId;

/** The files of one folder, on any of Beam's file systems. */
final class ShardFolder {
  private final ResourceId folder;

  ShardFolder(String directory) {
    this.folder =
        FileSystems.matchNewResource(requireNonNull(directory, "directory is null"), true);
  }

  /** Fills a channel, which is closed for it. */
  interface Content {
    void writeTo(WritableByteChannel channel) throws IOException;
  }

  /** The full path of a file. */
  String path(String file) {
    return resolve(file).toString();
  }

  /** Writes a file aside and renames it, so that it appears whole or not at all. */
  void write(String file, String mimeType, Content content) throws IOException {
    // Two attempts at the same file may run at once: each has an own name until it is complete.
    ResourceId aside = resolve(aside(file, UUID.randomUUID().toString()));
    try {
      try (WritableByteChannel channel = FileSystems.create(aside, mimeType)) {
        content.writeTo(channel);
      }
      FileSystems.rename(List.of(aside), List.of(resolve(file)));
    } catch (IOException | RuntimeException e) {
      try {
        FileSystems.delete(List.of(aside), StandardMoveOptions.IGNORE_MISSING_FILES);
      } catch (IOException notDeleted) {
        e.addSuppressed(notDeleted);
      }
      throw e;
    }
  }

  void deleteIfExists(String file) throws IOException {
    FileSystems.delete(List.of(resolve(file)), StandardMoveOptions.IGNORE_MISSING_FILES);
  }

  /** Deletes all other shards, and what writers that were killed had aside. */
  void deleteAllBut(Set<String> shards) throws IOException {
    List<String> globs =
        List.of(ShardName.GLOB, aside(ShardName.GLOB, "*"), aside(ShardManifest.FILE, "*"));
    for (String glob : globs) {
      for (String file : match(glob)) {
        if (!shards.contains(file)) {
          deleteIfExists(file);
        }
      }
    }
  }

  byte[] read(String file) throws IOException {
    try (InputStream in = newInputStream(file)) {
      return in.readAllBytes();
    }
  }

  InputStream newInputStream(String file) throws IOException {
    return Channels.newInputStream(FileSystems.open(resolve(file)));
  }

  SeekableByteChannel open(String file) throws IOException {
    ReadableByteChannel channel = FileSystems.open(resolve(file));
    if (channel instanceof SeekableByteChannel seekable) {
      return seekable;
    }
    channel.close();
    throw new IOException(path(file) + " is on a file system without random access");
  }

  /**
   * The length of a file in bytes.
   *
   * @throws FileNotFoundException if there is none
   */
  long length(String file) throws IOException {
    return FileSystems.matchSingleFileSpec(path(file)).sizeBytes();
  }

  /** The names of the files that a glob matches. */
  List<String> match(String glob) throws IOException {
    return FileSystems.match(path(glob), EmptyMatchTreatment.ALLOW).metadata().stream()
        .map(MatchResult.Metadata::resourceId)
        .map(ResourceId::getFilename)
        .sorted()
        .toList();
  }

  private static String aside(String file, String attempt) {
    return "." + file + "." + attempt + ".tmp";
  }

  private ResourceId resolve(String file) {
    return folder.resolve(file, StandardResolveOptions.RESOLVE_FILE);
  }
}
