package dev.beit2.io;

import static java.util.Objects.requireNonNull;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import org.apache.beam.sdk.io.FileSystems;
import org.apache.beam.sdk.io.fs.EmptyMatchTreatment;
import org.apache.beam.sdk.io.fs.MatchResult;

/**
 * Finds files through Beam's {@link FileSystems}. Adds braces, which Beam does not support: {@code
 * shard-{000..127}.tar} and {@code *.{jpg,png}}. A missing local folder is reported at once; Beam
 * would search for matches from its nearest existing parent, at worst the whole disk.
 */
public final class InputFiles {
  private static final Pattern WILDCARD = Pattern.compile("[*?\\[{]");

  /** Beam finds files by file:/path or file:///path, but cannot make a resource of such a path. */
  private static final Pattern LOCAL_SCHEME = Pattern.compile("^file:(//)?(?=/)");

  private static final Pattern OTHER_SCHEME = Pattern.compile("^[a-zA-Z][-a-zA-Z0-9+.]*://.*");
  private static final String WANTED = "files that can be listed";

  private InputFiles() {}

  /**
   * A file.
   *
   * @param path where it is, for Beam's FileSystems
   * @param name its path below the root, '/'-separated
   * @param bytes its length
   */
  public record InputFile(String path, String name, long bytes) {
    public InputFile {
      requireNonNull(path, "path is null");
      requireNonNull(name, "name is null");
    }
  }

  /** Whether a path contains wildcards or braces. */
  public static boolean isGlob(String path) {
    return WILDCARD.matcher(path).find();
  }

  /**
   * The files that a path names or a glob matches, sorted by name; empty if there are none. Names
   * are relative to the longest folder before the first wildcard. {@code **} also matches across
   * folders.
   *
   * @throws InvalidInputException if they cannot be listed, or one of a numbered range is missing
   */
  public static List<InputFile> match(String pathOrGlob) {
    String spec = withoutLocalScheme(pathOrGlob);
    BraceExpansion braces = BraceExpansion.expand(spec);
    int rootLength = rootLength(spec);
    Map<String, InputFile> found = new LinkedHashMap<>();
    List<String> missing = new ArrayList<>();
    List<String> existing =
        braces.expanded().stream().filter(InputFiles::mayExist).distinct().toList();
    missing.addAll(braces.expanded().stream().filter(path -> !mayExist(path)).toList());
    List<MatchResult> results = matchAll(pathOrGlob, existing);
    for (int i = 0; i < results.size(); i++) {
      List<MatchResult.Metadata> files = files(pathOrGlob, results.get(i));
      if (files.isEmpty()) {
        missing.add(existing.get(i));
      }
      for (MatchResult.Metadata file : files) {
        String path = file.resourceId().toString();
        found.put(path, new InputFile(path, path.substring(rootLength), file.sizeBytes()));
      }
    }
    if (braces.numbered() && !missing.isEmpty() && !found.isEmpty()) {
      throw new InvalidInputException(
          "nothing at %s (%d of %d files missing)"
              .formatted(missing.get(0), missing.size(), braces.expanded().size()),
          "all files of " + pathOrGlob);
    }
    return found.values().stream().sorted(Comparator.comparing(InputFile::name)).toList();
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

  /** The local path; empty if the file is not on a local disk. */
  public static Optional<Path> local(String path) {
    String plain = withoutLocalScheme(path);
    return OTHER_SCHEME.matcher(plain).matches() ? Optional.empty() : Optional.of(Path.of(plain));
  }

  private static String withoutLocalScheme(String path) {
    return LOCAL_SCHEME.matcher(path).replaceFirst("");
  }

  /** The longest folder before the first wildcard, with a slash at its end; may be empty. */
  private static String root(String spec) {
    Matcher wildcard = WILDCARD.matcher(spec);
    int end = wildcard.find() ? wildcard.start() : spec.length();
    return spec.substring(0, spec.lastIndexOf('/', end - 1) + 1);
  }

  /** The length of the root in the paths that Beam returns: absolute, with a '/' at its end. */
  private static int rootLength(String spec) {
    String root = root(spec);
    String folder = FileSystems.matchNewResource(root.isEmpty() ? "." : root, true).toString();
    return folder.length() + (folder.endsWith("/") ? 0 : 1);
  }

  private static boolean mayExist(String spec) {
    String root = isGlob(spec) ? root(spec) : spec;
    return root.isEmpty() || local(root).map(Files::exists).orElse(true);
  }

  private static List<MatchResult> matchAll(String pathOrGlob, List<String> specs) {
    try {
      return specs.isEmpty() ? List.of() : FileSystems.match(specs, EmptyMatchTreatment.ALLOW);
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
