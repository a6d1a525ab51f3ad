package dev.beit2.io.image.source;

import dev.beit2.io.InputFiles;
import dev.beit2.io.InputFiles.InputFile;
import dev.beit2.io.InvalidInputException;
import dev.beit2.io.Parallel;
import dev.beit2.io.image.RejectedImage;
import java.io.IOException;
import java.util.List;
import java.util.Objects;
import java.util.function.Predicate;
import javax.annotation.Nullable;

/**
 * The files of a format that keeps many images in one file.
 *
 * @param partitions the files, each as a whole
 * @param unreadable files and folders that cannot be read
 * @param note what people should know of the images, or null
 */
record ArchiveFiles(
    List<SourcePartition> partitions, List<RejectedImage> unreadable, @Nullable String note) {

  /**
   * The file that a path names, the files that a glob matches, or the files in a folder that have
   * the right name. Each file is a partition.
   *
   * @param wanted what the files are, for error messages
   * @throws InvalidInputException if there is none
   */
  static ArchiveFiles list(String pathOrGlob, Predicate<String> isOne, String wanted) {
    InputFiles.Found found = InputFiles.find(pathOrGlob);
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
        files.stream().map(SourcePartition::of).toList(),
        found.unreadable().stream()
            .filter(file -> !InputFiles.isHidden(file.name()))
            .map(file -> new RejectedImage(file.name(), file.reason()))
            .toList(),
        /* note= */ null);
  }

  /**
   * The same files, marked if images of several files have the same names, and with a note if
   * labels are no numbers. Both are known from the first image of each file, so that no file is
   * read twice.
   *
   * @param withBytes whether a name is known only with the image's bytes
   */
  ArchiveFiles marked(ImageSource source, boolean withBytes) throws IOException {
    List<FirstImage> first =
        Parallel.map(partitions, file -> firstImage(source.reader(), file, withBytes)).stream()
            .filter(image -> image.key != null)
            .toList();
    long names = first.stream().map(image -> image.key).distinct().count();
    return new ArchiveFiles(
        partitions.stream().map(file -> file.withNamesRepeat(names < first.size())).toList(),
        unreadable,
        first.stream().map(FirstImage::note).filter(Objects::nonNull).findFirst().orElse(null));
  }

  private static FirstImage firstImage(FormatReader reader, SourcePartition file, boolean withBytes)
      throws IOException {
    FirstImage first = new FirstImage();
    try {
      reader.scanIfReadable(file, withBytes, first);
    } catch (Found found) {
      // The scan need not go on.
    }
    return first;
  }

  /** What is known of the first image in a file. */
  private static final class FirstImage implements ImageSink {
    /** Null if the file has no image. */
    @Nullable private String key;

    @Nullable private String unusableLabel;

    @Override
    public void image(String key, @Nullable Integer label, long offset, int length, byte[] bytes) {
      this.key = key;
      throw new Found();
    }

    @Override
    public void unusableLabel(String found) {
      unusableLabel = found;
    }

    @Override
    public void rejected(RejectedImage rejected) {
      // Told when the file is read.
    }

    @Nullable
    String note() {
      return unusableLabel == null
          ? null
          : "%s has the label %s, which is no class number (an integer from 0); such images have no label"
              .formatted(key, unusableLabel);
    }
  }

  /** Ends a scan. */
  private static final class Found extends RuntimeException {
    private static final long serialVersionUID = 1L;

    Found() {
      super(null, null, false, false);
    }
  }
}
