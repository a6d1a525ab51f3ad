package dev.beit2.io.image.source;

import static java.util.Objects.requireNonNull;

import dev.beit2.io.InputFiles.InputFile;
import dev.beit2.io.Json;
import javax.annotation.Nullable;
import org.apache.beam.sdk.coders.Coder;

/**
 * A part of an image source that one worker reads at once: a file, or a range of bytes of a file.
 *
 * @param name the key of a file in a folder, or the path of an archive inside the set
 * @param file the path of the file, for Beam's FileSystems
 * @param fileBytes the length of the file
 * @param start the first byte
 * @param end the byte after the last; may be beyond the end of the file
 * @param label the label of all its images, or null if each image has its own or none
 * @param namesRepeat whether other files of the set have images of the same names
 * @param large whether it is so large a fraction of the set that its images should be redistributed
 */
record SourcePartition(
    String name,
    String file,
    long fileBytes,
    long start,
    long end,
    @Nullable Integer label,
    boolean namesRepeat,
    boolean large) {
  static final Coder<SourcePartition> CODER = Json.coder(SourcePartition.class);

  SourcePartition {
    requireNonNull(name, "name is null");
    requireNonNull(file, "file is null");
  }

  /** A partition of images whose names are their own. */
  SourcePartition(
      String name, String file, long fileBytes, long start, long end, @Nullable Integer label) {
    this(name, file, fileBytes, start, end, label, false, false);
  }

  long bytes() {
    return end - start;
  }

  /** A whole file. */
  static SourcePartition of(InputFile file) {
    return new SourcePartition(file.name(), file.path(), file.bytes(), 0, file.bytes(), null);
  }

  SourcePartition withNamesRepeat(boolean repeat) {
    return new SourcePartition(name, file, fileBytes, start, end, label, repeat, large);
  }

  SourcePartition withLarge(boolean isLarge) {
    return new SourcePartition(name, file, fileBytes, start, end, label, namesRepeat, isLarge);
  }
}
