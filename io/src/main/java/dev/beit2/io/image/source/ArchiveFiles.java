package dev.beit2.io.image.source;

import dev.beit2.io.InputFiles;
import dev.beit2.io.InputFiles.Found;
import dev.beit2.io.InputFiles.InputFile;
import dev.beit2.io.InvalidInputException;
import dev.beit2.io.image.RejectedImage;
import java.io.IOException;
import java.util.HashSet;
import java.util.List;
import java.util.function.Predicate;
import javax.annotation.Nullable;

/**
 * The files of a format that keeps many images in one file.
 *
 * @param partitions the files, each as a whole
 * @param unreadable files and folders that cannot be read
 */
record ArchiveFiles(List<SourcePartition> partitions, List<RejectedImage> unreadable) {

  /**
   * The file that a path names, the files that a glob matches, or the files in a folder that have
   * the right name. Each file is a partition.
   *
   * @param wanted what the files are, for error messages
   * @throws InvalidInputException if there is none
   */
  static ArchiveFiles list(String pathOrGlob, Predicate<String> isOne, String wanted) {
    Found found = InputFiles.find(pathOrGlob);
    List<InputFile> files = found.files();
    if (files.isEmpty() && !InputFiles.isGlob(pathOrGlob)) {
      found = InputFiles.below(pathOrGlob);
      files =
          found.files().stream()
              .filter(file -> isOne.test(file.name()) && !InputFiles.isHidden(file.name()))
              .toList();
    }
    if (files.isEmpty()) {
      boolean missing = InputFiles.isGlob(pathOrGlob) || !InputFiles.exists(pathOrGlob);
      throw new InvalidInputException((missing ? "nothing at " : "none in ") + pathOrGlob, wanted);
    }
    return new ArchiveFiles(
        files.stream()
            .map(file -> new SourcePartition(file.name(), file.path(), 0, file.bytes(), null))
            .toList(),
        found.unreadable().stream()
            .filter(file -> !InputFiles.isHidden(file.name()))
            .map(file -> new RejectedImage(file.name(), file.reason()))
            .toList());
  }

  /**
   * The same files, marked if images of several files have the same names. Whether they have is
   * known from the first image of each file, so that no file is read twice.
   *
   * @param withBytes whether a name is known only with the image's bytes
   */
  ArchiveFiles marked(ImageSource source, boolean withBytes) {
    if (partitions.size() < 2) {
      return this;
    }
    List<String> first =
        Parallel.map(partitions, file -> firstKey(source.reader(), file, withBytes)).stream()
            .filter(key -> !key.isEmpty())
            .toList();
    boolean repeat = new HashSet<>(first).size() < first.size();
    return new ArchiveFiles(
        partitions.stream().map(file -> file.withNamesRepeat(repeat)).toList(), unreadable);
  }

  /** The key of the first image in a file; empty if there is none. */
  private static String firstKey(FormatReader reader, SourcePartition file, boolean withBytes)
      throws IOException {
    try {
      reader.scanIfReadable(
          file,
          withBytes,
          new ImageSink() {
            @Override
            public void image(
                String key, @Nullable Integer label, long offset, int length, byte[] bytes) {
              throw new FirstImage(key);
            }

            @Override
            public void rejected(RejectedImage rejected) {
              // Told when the file is read.
            }
          });
      return "";
    } catch (FirstImage first) {
      return first.getMessage();
    }
  }

  /** Ends a scan. */
  private static final class FirstImage extends RuntimeException {
    private static final long serialVersionUID = 1L;

    FirstImage(String key) {
      super(key, null, false, false);
    }
  }
}
