package dev.beit2.io.image.source;

import dev.beit2.io.InputFiles;
import dev.beit2.io.InputFiles.InputFile;
import dev.beit2.io.InvalidInputException;
import dev.beit2.io.image.ImageFolder;
import dev.beit2.io.image.source.ImageSource.Format;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.EnumMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.Stream;

/** Detects the format of a set from the names of its files, if they are unambiguous. */
final class FormatDetection {
  static final String FORMATS =
      "--format=" + Stream.of(Format.values()).map(Format::word).collect(Collectors.joining("|"));

  private static final Pattern IMAGENET =
      Pattern.compile("(.*/)?(ILSVRC2012_img_(train|val).*|n\\d{8})\\.tar");

  private FormatDetection() {}

  static Format detect(String path) {
    if (InputFiles.isGlob(path)) {
      // Usually the glob itself tells the format without a listing. Tars may be ImageNet's.
      return ofName(path)
          .filter(format -> format != Format.WEBDATASET)
          .orElseGet(() -> ofNames(path, names(InputFiles.match(path))));
    }
    Optional<Path> local = InputFiles.local(path);
    boolean isFile =
        local.map(Files::isRegularFile).orElseGet(() -> !InputFiles.match(path).isEmpty());
    if (isFile) {
      return ofName(path).orElseThrow(() -> unknown("a file of unknown format at " + path));
    }
    return ofNames(path, local.isPresent() ? namesIn(local.get()) : namesIn(path));
  }

  /** The files directly in a folder. A listing by Beam would include all folders below. */
  private static List<String> namesIn(Path folder) {
    if (!Files.isDirectory(folder)) {
      return List.of(); // for the reader to say
    }
    try (Stream<Path> files = Files.list(folder)) {
      return files.filter(Files::isRegularFile).map(file -> file.getFileName().toString()).toList();
    } catch (IOException e) {
      throw new InvalidInputException(folder + " unreadable (" + e.getMessage() + ")", FORMATS, e);
    }
  }

  private static List<String> namesIn(String folder) {
    return names(InputFiles.match(InputFiles.inFolder(folder, "*")));
  }

  private static List<String> names(List<InputFile> files) {
    return files.stream().map(InputFile::name).toList();
  }

  private static Format ofNames(String path, List<String> names) {
    Map<Format, String> found = new EnumMap<>(Format.class);
    for (String name : names) {
      if (InputFiles.isHidden(name)) {
        continue;
      }
      ofName(name).ifPresent(format -> found.putIfAbsent(format, name));
    }
    // ImageNet's archives may lie beside files of any other format.
    if (found.size() > 1 && found.containsKey(Format.IMAGENET)) {
      found.keySet().retainAll(List.of(Format.IMAGENET));
    }
    if (found.size() > 1) {
      throw unknown(String.join(" beside ", found.values()) + " in " + path);
    }
    // A folder of folders, or an empty one; reading it will show.
    return found.keySet().stream().findFirst().orElse(Format.FOLDER);
  }

  private static Optional<Format> ofName(String name) {
    if (IMAGENET.matcher(name).matches()) {
      return Optional.of(Format.IMAGENET);
    } else if (name.endsWith(".tar")) {
      return Optional.of(Format.WEBDATASET);
    } else if (name.endsWith(".parquet")) {
      return Optional.of(Format.PARQUET);
    } else if (TfRecordReader.NAME.matcher(name).matches()) {
      return Optional.of(Format.TFRECORD);
    }
    return ImageFolder.isUsualImage(name) ? Optional.of(Format.FOLDER) : Optional.empty();
  }

  private static InvalidInputException unknown(String found) {
    return new InvalidInputException(found, FORMATS);
  }
}
