package dev.beit2.io.shard;

import static java.util.Objects.requireNonNull;

import dev.beit2.io.store.StoredFile;
import java.io.IOException;
import java.util.List;
import java.util.Set;

/** The files of one folder. */
record ShardFolder(String directory) {
  ShardFolder {
    requireNonNull(directory, "directory is null");
  }

  StoredFile file(String file) {
    return StoredFile.in(directory, file);
  }

  /** The full path of a file. */
  String path(String file) {
    return file(file).path();
  }

  /** The names of the files that a glob matches. */
  List<String> match(String glob) throws IOException {
    return StoredFile.matching(directory, glob).stream()
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
