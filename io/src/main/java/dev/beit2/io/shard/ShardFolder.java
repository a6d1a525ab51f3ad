package dev.beit2.io.shard;

import static java.util.Objects.requireNonNull;

import dev.beit2.io.store.StoredFile;
import java.io.IOException;
import java.util.List;
import java.util.Set;
import org.apache.beam.sdk.io.FileSystems;
import org.apache.beam.sdk.io.fs.ResolveOptions.StandardResolveOptions;
import org.apache.beam.sdk.io.fs.ResourceId;

/** The files of one folder, on any of Beam's file systems. */
record ShardFolder(String directory) {
  ShardFolder {
    requireNonNull(directory, "directory is null");
  }

  /** The full path of a file. */
  String path(String file) {
    ResourceId folder = FileSystems.matchNewResource(directory, /* isDirectory= */ true);
    return folder.resolve(file, StandardResolveOptions.RESOLVE_FILE).toString();
  }

  StoredFile file(String file) {
    return new StoredFile(path(file));
  }

  /** The names of the files that a glob matches. */
  List<String> match(String glob) throws IOException {
    return StoredFile.matching(path(glob)).stream()
        .map(path -> path.substring(path.lastIndexOf('/') + 1))
        .toList();
  }

  /** Deletes all other shards, and the temporary files that killed writers left. */
  void deleteAllBut(Set<String> shards) throws IOException {
    for (String file : match(ShardName.GLOB)) {
      if (!shards.contains(file)) {
        file(file).deleteIfExists();
      }
    }
    StoredFile.deleteTemporaryFiles(directory, ShardName.GLOB);
    StoredFile.deleteTemporaryFiles(directory, ShardManifest.FILE);
  }
}
