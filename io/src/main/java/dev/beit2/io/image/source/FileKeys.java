package dev.beit2.io.image.source;

import dev.beit2.io.SeededRandom;
import java.util.HashSet;
import java.util.Set;
import javax.annotation.Nullable;

/**
 * The keys of the images in a file, each once. An image whose {@link ImageKey} another one before
 * it has gets a key with its position, {@code train-000003/000017/x/1.jpg}.
 */
final class FileKeys {
  private final SourcePartition partition;
  // Hashes, as a file may hold a million images. Where two agree by chance, a key gets longer.
  private final Set<Long> given = new HashSet<>();

  FileKeys(SourcePartition partition) {
    this.partition = partition;
  }

  /**
   * The key of the next image.
   *
   * @param name of the image, or null
   * @param position of the image in its file, from 0
   */
  String of(@Nullable String name, long position) {
    String file = partition.name();
    return once(
        partition.namesRepeat()
            ? ImageKey.inFile(name, file, position)
            : ImageKey.of(name, file, position),
        name,
        position);
  }

  /** The key, or the one with the position if an image before it has it. */
  String once(String key, @Nullable String name, long position) {
    return given.add(SeededRandom.hash(0, key))
        ? key
        : ImageKey.atPosition(name, partition.name(), position);
  }
}
