package dev.beit2.io.image.source;

import static java.util.Objects.requireNonNull;

import javax.annotation.Nullable;

/**
 * What one worker reads in one go: a file, or bytes of one.
 *
 * @param name of a file in a folder its key; of an archive its path inside the set
 * @param file where it is, for Beam's FileSystems
 * @param start of the bytes
 * @param end of the bytes, exclusive; may be beyond the end of the file
 * @param label of all its images, or null where each has its own or none
 * @param large whether it is so large a share of the set that one worker should not keep its images
 */
record SourcePartition(
    String name, String file, long start, long end, @Nullable Integer label, boolean large) {
  SourcePartition {
    requireNonNull(name, "name is null");
    requireNonNull(file, "file is null");
  }

  long bytes() {
    return end - start;
  }

  SourcePartition withLarge(boolean isLarge) {
    return new SourcePartition(name, file, start, end, label, isLarge);
  }
}
