package dev.beit2.pipelines.run;

import static java.util.stream.Collectors.joining;

import dev.beit2.io.Json;
import dev.beit2.io.image.RejectedImage;
import dev.beit2.io.image.RejectedImages;
import dev.beit2.io.store.StoredFile;
import java.io.IOException;
import java.util.Collection;
import java.util.Optional;

/** Tells at the end of a command how many images it could not use, and where they are listed. */
public final class RejectedNote {
  /** The folder of the list, in a command's output. */
  public static final String FOLDER = "rejected";

  private static final String VALIDATION = "validation.jsonl";

  private RejectedNote() {}

  /** The list's folder. */
  public static String folder(String output) {
    return StoredFile.in(output, FOLDER).path();
  }

  /** Removes the list of an earlier start: this one may reject nothing and write none. */
  public static void removeOld(String output) throws IOException {
    String folder = folder(output);
    for (String file : StoredFile.matching(folder, "rejected-*")) {
      new StoredFile(file).deleteIfExists();
    }
    StoredFile.deleteTemporaryFiles(folder, "rejected-*");
  }

  /**
   * Lists the held-out images that could not be used in {@code rejected/validation.jsonl}; writes
   * nothing if there are none.
   */
  public static void writeValidation(String output, Collection<RejectedImage> rejected)
      throws IOException {
    if (!rejected.isEmpty()) {
      StoredFile.in(folder(output), VALIDATION)
          .write(rejected.stream().map(Json::line).collect(joining("\n", "", "\n")));
    }
  }

  /** Prints a line if something was rejected. */
  public static void print(String stage, String output) throws IOException {
    Optional<RejectedImages.Written> list = RejectedImages.written(folder(output));
    if (list.isPresent()) {
      System.err.printf(
          "[%s] rejected: %d, listed with the reasons in %s%n",
          stage, list.get().count(), list.get().path());
    }
  }
}
