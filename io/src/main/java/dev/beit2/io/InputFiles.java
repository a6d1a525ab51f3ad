package dev.beit2.io;

import static java.util.Objects.requireNonNull;

import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.channels.ReadableByteChannel;
import java.nio.charset.Charset;
import java.nio.file.Files;
import java.nio.file.InvalidPathException;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.function.Consumer;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.beam.sdk.io.FileSystems;
import org.apache.beam.sdk.io.fs.EmptyMatchTreatment;
import org.apache.beam.sdk.io.fs.MatchResult;
import org.apache.beam.sdk.io.fs.ResourceId;

/**
 * Finds and opens files, on the local disk or through Beam's {@link FileSystems}.
 *
 * <p>A path is a path where a file or folder of that name exists, whatever characters it contains;
 * elsewhere {@code * ? [ ]} are wildcards, and so are braces, which Beam does not have: {@code
 * shard-{000..127}.tar} and {@code *.{jpg,png}}. Beam takes every local path for a pattern, and
 * searches whole folders to find out whether a file exists, so local files are not listed by it.
 */
public final class InputFiles {
  static final Pattern WILDCARD = Pattern.compile("[*?\\[{]");

  private static final Pattern LOCAL_SCHEME = Pattern.compile("^file:(?://(?=/)|(?!//))");
  private static final Pattern OTHER_SCHEME =
      Pattern.compile("^([a-zA-Z][-a-zA-Z0-9+.]*)://.*", Pattern.DOTALL);
  private static final String WANTED = "files that can be listed";
  private static final Set<String> SYSTEM =
      Set.of("@eaDir", "__MACOSX", "#recycle", "lost+found", "$RECYCLE.BIN", "Thumbs.db");

  private InputFiles() {}

  /**
   * A file.
   *
   * @param path where it is, for {@link #open}
   * @param name its path below the root, '/'-separated
   * @param bytes its length
   */
  public record InputFile(String path, String name, long bytes) {
    public InputFile {
      requireNonNull(path, "path is null");
      requireNonNull(name, "name is null");
    }
  }

  /**
   * A file or folder that is there but cannot be read.
   *
   * @param name its path below the root, '/'-separated
   * @param reason why, in a few words
   */
  public record Unreadable(String name, String reason) {}

  /**
   * What a path or a glob names.
   *
   * @param files by name
   * @param unreadable by name: folders that cannot be listed, links to nothing, names that are not
   *     text
   */
  public record Found(List<InputFile> files, List<Unreadable> unreadable) {
    public Found {
      files = files.stream().sorted(Comparator.comparing(InputFile::name)).toList();
      unreadable = unreadable.stream().sorted(Comparator.comparing(Unreadable::name)).toList();
    }
  }

  /** Whether a path is a pattern: it has wildcards or braces, and no local file has this name. */
  public static boolean isGlob(String path) {
    return WILDCARD.matcher(path).find() && !local(path).map(Files::exists).orElse(false);
  }

  /**
   * Whether a file, by its name or that of a folder in it, belongs to a system or a program and is
   * no data: it begins with a dot, or is a folder that macOS, Windows or a file server makes.
   *
   * @param name below the root of a set
   */
  public static boolean isHidden(String name) {
    for (String part : name.split("/")) {
      boolean dotted = part.startsWith(".") && !part.equals(".") && !part.equals("..");
      if (dotted || SYSTEM.contains(part)) {
        return true;
      }
    }
    return false;
  }

  /** The files of {@link #find}. */
  public static List<InputFile> match(String pathOrGlob) {
    return find(pathOrGlob).files();
  }

  /**
   * The files that a path names or a glob matches; none if the path is a folder's. Names are
   * relative to the longest folder before the first wildcard. {@code **} also matches across
   * folders. Links are followed, except to a folder that they are in.
   *
   * @throws InvalidInputException if they cannot be listed, or one of a numbered range is missing
   */
  public static Found find(String pathOrGlob) {
    Optional<Path> local = local(pathOrGlob);
    if (local.isPresent()) {
      List<InputFile> files = new ArrayList<>();
      List<Unreadable> unreadable = visit(pathOrGlob, files::add);
      return new Found(files, unreadable);
    }
    BraceExpansion braces = BraceExpansion.expand(pathOrGlob);
    List<String> specs = braces.expanded().stream().distinct().toList();
    int rootLength = rootLength(pathOrGlob);
    Map<String, InputFile> found = new LinkedHashMap<>();
    List<String> missing = new ArrayList<>();
    List<MatchResult> results = matchAll(pathOrGlob, specs);
    for (int i = 0; i < results.size(); i++) {
      List<MatchResult.Metadata> files = files(pathOrGlob, results.get(i));
      if (files.isEmpty()) {
        missing.add(specs.get(i));
      }
      for (MatchResult.Metadata file : files) {
        String path = file.resourceId().toString();
        found.put(path, new InputFile(path, path.substring(rootLength), file.sizeBytes()));
      }
    }
    requireAll(pathOrGlob, braces, missing, !found.isEmpty());
    return new Found(List.copyOf(found.values()), List.of());
  }

  /**
   * As {@link #find}, but passes each file on when it is found, in any order: local files are not
   * held in memory.
   *
   * @return what is unreadable
   */
  public static List<Unreadable> visit(String pathOrGlob, Consumer<InputFile> files) {
    if (local(pathOrGlob).isPresent()) {
      return new LocalFiles(withoutLocalScheme(pathOrGlob), files).find();
    }
    Found found = find(pathOrGlob);
    found.files().forEach(files);
    return found.unreadable();
  }

  static void requireAll(
      String pathOrGlob, BraceExpansion braces, List<String> missing, boolean anyFound) {
    if (braces.numbered() && !missing.isEmpty() && anyFound) {
      throw new InvalidInputException(
          "nothing at %s (%d of %d files missing)"
              .formatted(missing.get(0), missing.size(), braces.expanded().size()),
          "all files of " + pathOrGlob);
    }
  }

  /** All files in a folder, at any depth. */
  public static Found below(String folder) {
    return find(inFolder(folder, "**"));
  }

  /** Whether a file or folder exists at this path, which must not contain wildcards. */
  public static boolean exists(String path) {
    Optional<Path> local = local(path);
    if (local.isPresent()) {
      return Files.exists(local.get());
    }
    return !match(path).isEmpty() || !match(inFolder(path, "**")).isEmpty();
  }

  /** The path of a file in a folder. The folder's path may end in a slash. */
  public static String inFolder(String folder, String name) {
    return folder.endsWith("/") ? folder + name : folder + "/" + name;
  }

  /**
   * Opens a file. A local one that is missing or may not be read is told by the exceptions of
   * java.nio.file.
   */
  public static ReadableByteChannel open(String path) throws IOException {
    Optional<Path> local = local(path);
    return local.isPresent()
        ? FileChannel.open(local.get(), StandardOpenOption.READ)
        : FileSystems.open(resource(path, false));
  }

  /**
   * The local path; empty if the file is not on a local disk.
   *
   * @throws InvalidInputException if this JVM cannot name such a file
   */
  public static Optional<Path> local(String path) {
    String plain = withoutLocalScheme(path);
    if (OTHER_SCHEME.matcher(plain).matches()) {
      return Optional.empty();
    }
    try {
      return Optional.of(Path.of(plain));
    } catch (InvalidPathException e) {
      throw notInLocale(plain);
    }
  }

  /** The path without {@code file:} or {@code file://} before it. */
  public static String withoutLocalScheme(String path) {
    return LOCAL_SCHEME.matcher(path).replaceFirst("");
  }

  /**
   * The path for Beam's file systems.
   *
   * @throws InvalidInputException if the path has a scheme that no file system has
   */
  public static ResourceId resource(String path, boolean isFolder) {
    requireFileSystem(path);
    String found = local(path).map(local -> absolute(local).toString()).orElse(path);
    return FileSystems.matchNewResource(found, isFolder);
  }

  /**
   * Checks that a path is local, or that there is a file system for its scheme.
   *
   * @throws InvalidInputException if there is none
   */
  public static void requireFileSystem(String path) {
    Matcher scheme = OTHER_SCHEME.matcher(path);
    if (local(path).isPresent() || !scheme.matches()) {
      return;
    }
    String name = scheme.group(1);
    try {
      if (!name.equals("file")) {
        // Names that every file system accepts: a bucket's has at least three characters.
        FileSystems.matchNewResource(name + "://bucket/object", false);
        return;
      }
    } catch (IllegalArgumentException e) {
      // There is none.
    }
    throw new InvalidInputException(
        "no file system for " + name + "://", "a local path, or gs://BUCKET/PATH");
  }

  /** The path from the disk's root; {@code ..} is resolved if that leads to the same file. */
  static Path absolute(Path path) {
    Path absolute = path.toAbsolutePath();
    Path normal = absolute.normalize();
    try {
      return absolute.equals(normal)
              || !Files.exists(absolute)
              || Files.isSameFile(absolute, normal)
          ? normal
          : absolute;
    } catch (IOException e) {
      return absolute;
    }
  }

  /** A name that the locale's encoding does not have. */
  static InvalidInputException notInLocale(String name) {
    return new InvalidInputException(
        "the name "
            + name
            + ", which cannot be written in the encoding of the locale, "
            + encodingOfNames(),
        encodingOfNames().equals("UTF-8") ? "a valid name" : "a UTF-8 locale, as LC_ALL=C.UTF-8");
  }

  /** The encoding of file names. */
  static String encodingOfNames() {
    return System.getProperty("sun.jnu.encoding", Charset.defaultCharset().name());
  }

  /** The longest folder before the first wildcard, with a slash at its end; may be empty. */
  private static String root(String spec) {
    Matcher wildcard = WILDCARD.matcher(spec);
    int end = wildcard.find() ? wildcard.start() : spec.length();
    return spec.substring(0, spec.lastIndexOf('/', end - 1) + 1);
  }

  /** The length of the root in the paths that Beam returns: with a '/' at its end. */
  private static int rootLength(String spec) {
    String folder = resource(root(spec), true).toString();
    return folder.length() + (folder.endsWith("/") ? 0 : 1);
  }

  private static List<MatchResult> matchAll(String pathOrGlob, List<String> specs) {
    try {
      return FileSystems.match(specs, EmptyMatchTreatment.ALLOW);
    } catch (IOException e) {
      throw unreadable(pathOrGlob, e);
    }
  }

  private static List<MatchResult.Metadata> files(String pathOrGlob, MatchResult result) {
    try {
      return result.status() == MatchResult.Status.NOT_FOUND
          ? List.of()
          : result.metadata().stream().filter(file -> !file.resourceId().isDirectory()).toList();
    } catch (IOException e) {
      throw unreadable(pathOrGlob, e);
    }
  }

  private static InvalidInputException unreadable(String pathOrGlob, IOException e) {
    return new InvalidInputException(
        pathOrGlob + " unreadable (" + e.getMessage() + ")", WANTED, e);
  }
}
