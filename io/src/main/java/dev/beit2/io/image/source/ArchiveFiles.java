package dev.beit2.io.image.source;

import dev.beit2.io.InputFiles;
import dev.beit2.io.InputFiles.InputFile;
import dev.beit2.io.InvalidInputException;
import java.util.List;
import java.util.function.Predicate;

/** Finds the files of a format that keeps many images in one file. */
final class ArchiveFiles {
  private ArchiveFiles() {}

  /**
   * The file that a path names, the files that a glob matches, or the files in a folder that have
   * the right name. Each file is a partition.
   *
   * @param wanted what the files are, for error messages
   * @throws InvalidInputException if there is none
   */
  static List<SourcePartition> list(String pathOrGlob, Predicate<String> isOne, String wanted) {
    List<InputFile> files = InputFiles.match(pathOrGlob);
    if (files.isEmpty() && !InputFiles.isGlob(pathOrGlob)) {
      files =
          InputFiles.match(InputFiles.inFolder(pathOrGlob, "**")).stream()
              .filter(file -> isOne.test(file.name()))
              .toList();
    }
    if (files.isEmpty()) {
      boolean missing = InputFiles.isGlob(pathOrGlob) || !InputFiles.exists(pathOrGlob);
      throw new InvalidInputException((missing ? "nothing at " : "none in ") + pathOrGlob, wanted);
    }
    return files.stream()
        .map(file -> new SourcePartition(file.name(), file.path(), 0, file.bytes(), null, false))
        .toList();
  }
}
