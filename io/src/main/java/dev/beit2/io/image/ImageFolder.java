package dev.beit2.io.image;

import static java.util.Objects.requireNonNull;

import dev.beit2.io.InputFiles;
import dev.beit2.io.InputFiles.InputFile;
import dev.beit2.io.InvalidInputException;
import java.io.IOException;
import java.io.InputStream;
import java.nio.channels.Channels;
import java.util.AbstractList;
import java.util.Collections;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import javax.annotation.Nullable;

/**
 * A set of image files, see {@link InputFiles}.
 *
 * <pre>{@code
 * ImageFolder folder = ImageFolder.list("/data/train"); // train/CLASS/*.JPEG
 * for (ImageFolder.Entry entry : folder.entries()) {
 *   byte[] jpeg = folder.read(entry);
 * }
 * }</pre>
 *
 * <p>A file's key is its path below the root. Its class is the first folder of the key; files
 * directly in the root have no class. The listing holds names only, no images.
 */
public final class ImageFolder {
  private static final Set<String> EXTENSIONS = Set.of("jpg", "jpeg", "png", "webp");
  private static final String WANTED =
      "images (jpg, jpeg, png, webp) in a folder, in one folder a class, or by a glob";

  private final String root;
  private final List<String> classes;
  private final List<String> keys; // of a million images, so entries are made when asked for

  private ImageFolder(String root, List<String> classes, List<String> keys) {
    this.root = root;
    this.classes = List.copyOf(classes);
    this.keys = List.copyOf(keys);
  }

  /**
   * An image file.
   *
   * @param key its path below the root, '/'-separated
   * @param label the index of its class in {@link #classes()}, or null
   * @param path where it is, for {@link InputFiles#open}
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
   * @throws InvalidInputException if the path does not exist, cannot be read, or contains no image
   */
  public static ImageFolder list(String pathOrGlob) {
    if (InputFiles.isGlob(pathOrGlob)) {
      return of(InputFiles.match(pathOrGlob), pathOrGlob);
    }
    List<InputFile> files = InputFiles.match(InputFiles.inFolder(pathOrGlob, "**"));
    return of(files.stream().filter(file -> isImage(file.name())).toList(), pathOrGlob);
  }

  private static ImageFolder of(List<InputFile> files, String pathOrGlob) {
    if (files.isEmpty()) {
      boolean missing = InputFiles.isGlob(pathOrGlob) || !InputFiles.exists(pathOrGlob);
      throw new InvalidInputException(
          (missing ? "nothing at " : "no image in ") + pathOrGlob, WANTED);
    }
    InputFile first = files.get(0);
    String root = first.path().substring(0, first.path().length() - first.name().length());
    List<String> keys = files.stream().map(InputFile::name).toList();
    List<String> classes =
        keys.stream()
            .map(ImageFolder::classOf)
            .filter(name -> !name.isEmpty())
            .distinct()
            .sorted()
            .toList();
    return new ImageFolder(root, classes, keys);
  }

  /** The key's first folder, or the empty string. */
  private static String classOf(String key) {
    return key.substring(0, Math.max(0, key.indexOf('/')));
  }

  /** Whether a name has the extension of an image. */
  public static boolean isImage(String path) {
    String extension = path.substring(path.lastIndexOf('.') + 1);
    return EXTENSIONS.contains(extension.toLowerCase(Locale.ROOT));
  }

  /** The classes' names, sorted; empty for a folder without classes. */
  public List<String> classes() {
    return classes;
  }

  /** The images, sorted by key. */
  public List<Entry> entries() {
    return new AbstractList<>() {
      @Override
      public Entry get(int index) {
        String key = keys.get(index);
        int label = Collections.binarySearch(classes, classOf(key));
        return new Entry(key, label < 0 ? null : label, root + key);
      }

      @Override
      public int size() {
        return keys.size();
      }
    };
  }

  /** The content of an entry's file. */
  public byte[] read(Entry entry) throws IOException {
    return read(entry.path());
  }

  static byte[] read(String path) throws IOException {
    try (InputStream in = Channels.newInputStream(InputFiles.open(path))) {
      return in.readAllBytes();
    }
  }
}
