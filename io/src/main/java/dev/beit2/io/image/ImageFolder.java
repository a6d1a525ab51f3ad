package dev.beit2.io.image;

import static java.util.Objects.requireNonNull;

import dev.beit2.io.InvalidInputException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.channels.Channels;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.annotation.Nullable;
import org.apache.beam.sdk.io.FileSystems;
import org.apache.beam.sdk.io.fs.EmptyMatchTreatment;
import org.apache.beam.sdk.io.fs.MatchResult;

/**
 * A set of image files, found through Beam's {@link FileSystems}.
 *
 * <pre>{@code
 * ImageFolder folder = ImageFolder.list("/data/train"); // train/CLASS/*.JPEG
 * for (ImageFolder.Entry entry : folder.entries()) {
 *   byte[] jpeg = folder.read(entry);
 * }
 * }</pre>
 *
 * <p>A file's key is its path below the root, its class the first folder of the key. Files that lie
 * right in the root have no class. The listing holds names only, no image.
 */
public final class ImageFolder {
  private static final Set<String> EXTENSIONS = Set.of("jpg", "jpeg", "png", "webp");
  private static final Pattern WILDCARD = Pattern.compile("[*?\\[{]");

  /** Beam finds files by file:/path or file:///path, but makes no resource of such a spelling. */
  private static final Pattern LOCAL_SCHEME = Pattern.compile("^file:(//)?(?=/)");

  private static final String WANTED =
      "images (jpg, jpeg, png, webp) in a folder, in one folder a class, or by a glob";

  private final List<String> classes;
  private final List<Entry> entries;

  private ImageFolder(List<String> classes, List<Entry> entries) {
    this.classes = List.copyOf(classes);
    this.entries = List.copyOf(entries);
  }

  /**
   * An image file.
   *
   * @param key its path below the root, '/'-separated
   * @param label the index of its class in {@link #classes()}, or null
   * @param path where it is, for Beam's FileSystems
   */
  public record Entry(String key, @Nullable Integer label, String path) {
    public Entry {
      requireNonNull(key, "key is null");
      requireNonNull(path, "path is null");
    }
  }

  /**
   * Lists a folder's images (every file named jpg, jpeg, png or webp, at any depth) or all files a
   * glob matches. The root of a glob is the longest folder before its first wildcard.
   *
   * @throws InvalidInputException if nothing is there, or it cannot be read, or holds no image
   */
  public static ImageFolder list(String pathOrGlob) {
    Matcher wildcard = WILDCARD.matcher(pathOrGlob);
    if (wildcard.find()) {
      String root = pathOrGlob.substring(0, pathOrGlob.lastIndexOf('/', wildcard.start()) + 1);
      return of(root.isEmpty() ? "." : root, match(pathOrGlob), pathOrGlob);
    }
    String folder = pathOrGlob.endsWith("/") ? pathOrGlob : pathOrGlob + "/";
    List<String> images = match(folder + "**").stream().filter(ImageFolder::isImage).toList();
    return of(folder, images, pathOrGlob);
  }

  private static ImageFolder of(String root, List<String> paths, String pathOrGlob) {
    if (paths.isEmpty()) {
      boolean missing = match(pathOrGlob).isEmpty();
      throw new InvalidInputException(
          (missing ? "nothing at " : "no image in ") + pathOrGlob, WANTED);
    }
    int rootLength = rootLength(root);
    List<String> classes =
        paths.stream()
            .map(path -> classOf(path.substring(rootLength)))
            .filter(name -> !name.isEmpty())
            .distinct()
            .sorted()
            .toList();
    List<Entry> entries =
        paths.stream()
            .map(path -> entry(path.substring(rootLength), path, classes))
            .sorted(Comparator.comparing(Entry::key))
            .toList();
    return new ImageFolder(classes, entries);
  }

  private static Entry entry(String key, String path, List<String> classes) {
    int label = Collections.binarySearch(classes, classOf(key));
    return new Entry(key, label < 0 ? null : label, path);
  }

  /** The key's first folder, or the empty string. */
  private static String classOf(String key) {
    return key.substring(0, Math.max(0, key.indexOf('/')));
  }

  /** Of the root as Beam spells it in the paths it finds: absolute, with a '/' at its end. */
  private static int rootLength(String root) {
    String path = LOCAL_SCHEME.matcher(root).replaceFirst("");
    String folder = FileSystems.matchNewResource(path, true).toString();
    return folder.length() + (folder.endsWith("/") ? 0 : 1);
  }

  private static boolean isImage(String path) {
    String extension = path.substring(path.lastIndexOf('.') + 1);
    return EXTENSIONS.contains(extension.toLowerCase(Locale.ROOT));
  }

  private static List<String> match(String spec) {
    try {
      return FileSystems.match(spec, EmptyMatchTreatment.ALLOW).metadata().stream()
          .map(MatchResult.Metadata::resourceId)
          .map(Object::toString)
          .toList();
    } catch (IOException e) {
      throw new InvalidInputException(spec + " unreadable (" + e.getMessage() + ")", WANTED, e);
    }
  }

  /** The classes' names, sorted; empty for a folder without classes. */
  public List<String> classes() {
    return classes;
  }

  /** The images, sorted by key. */
  public List<Entry> entries() {
    return entries;
  }

  /** The content of an entry's file. */
  public byte[] read(Entry entry) throws IOException {
    return read(entry.path());
  }

  static byte[] read(String path) throws IOException {
    try (InputStream in =
        Channels.newInputStream(FileSystems.open(FileSystems.matchNewResource(path, false)))) {
      return in.readAllBytes();
    }
  }
}
