package dev.beit2.io.image;

import static java.util.Objects.requireNonNull;

import dev.beit2.io.InputFiles;
import dev.beit2.io.InputFiles.InputFile;
import dev.beit2.io.InputFiles.Unreadable;
import dev.beit2.io.InvalidInputException;
import dev.beit2.io.store.StoredFile;
import java.io.IOException;
import java.io.InputStream;
import java.nio.channels.Channels;
import java.util.AbstractList;
import java.util.ArrayList;
import java.util.Collections;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Consumer;
import java.util.regex.Pattern;
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
 *
 * <p>Nothing is left out silently: {@link #rejected} has what cannot be read, and {@link #leftOut}
 * counts the files that are no images by their names. Only what is hidden (see {@link
 * InputFiles#isHidden}) is passed over.
 */
public final class ImageFolder {
  private static final Set<String> ENDINGS = Set.of("jpg", "jpeg", "png", "webp");
  // Rarer ones, and those of images that the decoder rejects by their format.
  private static final Set<String> OTHER_ENDINGS =
      Set.of(
          "jpe", "jfif", "gif", "bmp", "dib", "tif", "tiff", "heic", "heif", "avif", "jp2", "j2k",
          "jxl", "dcm", "ppm", "pgm", "pbm", "pnm", "ico", "psd", "tga", "exr", "hdr");
  private static final Pattern ENDING_WITH_SUFFIX =
      Pattern.compile("(jpg|jpeg|png|webp|gif|bmp|tif|tiff)[^a-z0-9].*"); // .jpg_large, .jpg!d
  private static final String WANTED =
      "images (jpg, jpeg, png, webp, gif, bmp, tif) in a folder, in one folder a class, or by a glob";

  private final String root;
  private final List<String> classes;
  private final List<String> keys; // of a million images, so entries are made when asked for
  private final long[] bytes;
  private final List<RejectedImage> rejected;
  private final SortedMap<String, Integer> leftOut;

  private ImageFolder(
      String root,
      List<String> classes,
      List<String> keys,
      long[] bytes,
      List<RejectedImage> rejected,
      SortedMap<String, Integer> leftOut) {
    this.root = root;
    this.bytes = bytes;
    this.classes = List.copyOf(classes);
    this.keys = List.copyOf(keys);
    this.rejected = List.copyOf(rejected);
    this.leftOut = Collections.unmodifiableSortedMap(leftOut);
  }

  /**
   * An image file.
   *
   * @param key its path below the root, '/'-separated
   * @param label the index of its class in {@link #classes()}, or null
   * @param path where it is, for {@link InputFiles#open}
   * @param bytes its length when it was listed
   */
  public record Entry(String key, @Nullable Integer label, String path, long bytes) {
    public Entry {
      requireNonNull(key, "key is null");
      requireNonNull(path, "path is null");
    }
  }

  /**
   * Lists a folder's images (every file that is one by its name, at any depth, and local files
   * without an ending that are images) or all files a glob matches. The root of a glob is the
   * longest folder before its first wildcard.
   *
   * @throws InvalidInputException if the path does not exist, cannot be read, or contains no image
   */
  public static ImageFolder list(String pathOrGlob) {
    List<InputFile> images = new ArrayList<>();
    Rest rest = visit(pathOrGlob, images::add);
    images.sort(Comparator.comparing(InputFile::name));
    return of(images, rest.rejected(), rest.leftOut());
  }

  /**
   * What a listing has beside the images.
   *
   * @param root of the images' paths: a path is the root and the key
   * @param rejected files and folders that cannot be read
   * @param leftOut the numbers of files that are no images by their names, by ending
   */
  public record Rest(
      String root, List<RejectedImage> rejected, SortedMap<String, Integer> leftOut) {}

  /**
   * Lists as {@link #list} does, and passes each image on when it is found, in any order, so that
   * no listing need fit in memory.
   *
   * @throws InvalidInputException as {@link #list}
   */
  public static Rest visit(String pathOrGlob, Consumer<InputFile> images) {
    boolean glob = InputFiles.isGlob(pathOrGlob);
    boolean hiddenToo = glob && (pathOrGlob.startsWith(".") || pathOrGlob.contains("/."));
    SortedMap<String, Integer> leftOut = new TreeMap<>();
    AtomicReference<String> root = new AtomicReference<>();
    Consumer<InputFile> files =
        file -> {
          if (!hiddenToo && InputFiles.isHidden(file.name())) {
            return;
          }
          if (glob || isImage(file.name()) || isUnnamedImage(file)) {
            if (root.get() == null) {
              root.set(file.path().substring(0, file.path().length() - file.name().length()));
            }
            images.accept(file);
          } else {
            leftOut.merge(ending(file.name()), 1, Integer::sum);
          }
        };
    List<RejectedImage> rejected =
        unreadable(pathOrGlob, glob, files).stream()
            .filter(file -> hiddenToo || !InputFiles.isHidden(file.name()))
            .sorted(Comparator.comparing(Unreadable::name))
            .map(file -> new RejectedImage(file.name(), file.reason()))
            .toList();
    if (root.get() == null) {
      throw nothing(pathOrGlob, rejected);
    }
    return new Rest(root.get(), rejected, leftOut);
  }

  private static List<Unreadable> unreadable(
      String pathOrGlob, boolean glob, Consumer<InputFile> files) {
    try {
      return glob ? InputFiles.visit(pathOrGlob, files) : StoredFile.visitBelow(pathOrGlob, files);
    } catch (IOException e) {
      throw new InvalidInputException(pathOrGlob + " (" + e.getMessage() + ")", WANTED, e);
    }
  }

  private static InvalidInputException nothing(String pathOrGlob, List<RejectedImage> rejected) {
    boolean missing = InputFiles.isGlob(pathOrGlob) || !InputFiles.exists(pathOrGlob);
    String why =
        rejected.isEmpty() ? "" : ": " + rejected.get(0).key() + " " + rejected.get(0).reason();
    return new InvalidInputException(
        (missing && rejected.isEmpty() ? "nothing at " : "no image in ") + pathOrGlob + why,
        WANTED);
  }

  private static ImageFolder of(
      List<InputFile> files, List<RejectedImage> rejected, SortedMap<String, Integer> leftOut) {
    InputFile first = files.get(0);
    String root = first.path().substring(0, first.path().length() - first.name().length());
    List<String> keys = files.stream().map(InputFile::name).toList();
    long[] bytes = files.stream().mapToLong(InputFile::bytes).toArray();
    List<String> classes =
        keys.stream()
            .map(ImageFolder::classOf)
            .filter(name -> !name.isEmpty())
            .distinct()
            .sorted()
            .toList();
    return new ImageFolder(root, classes, keys, bytes, rejected, leftOut);
  }

  /** The key's first folder, or the empty string. */
  public static String classOf(String key) {
    return key.substring(0, Math.max(0, key.indexOf('/')));
  }

  /** Whether a name has the ending of an image, be it of a format that is read or not. */
  public static boolean isImage(String path) {
    String ending = ending(path);
    return ENDINGS.contains(ending)
        || OTHER_ENDINGS.contains(ending)
        || ENDING_WITH_SUFFIX.matcher(ending).matches();
  }

  /** Whether a name has one of the usual endings: jpg, jpeg, png, webp. */
  public static boolean isUsualImage(String path) {
    return ENDINGS.contains(ending(path));
  }

  /** Whether a file whose name has no ending is an image that can be decoded. */
  private static boolean isUnnamedImage(InputFile file) {
    if (!ending(file.name()).isEmpty() || InputFiles.local(file.path()).isEmpty()) {
      return false;
    }
    try (InputStream in = Channels.newInputStream(InputFiles.open(file.path()))) {
      return ImageHeader.isImage(in.readNBytes(ImageHeader.MAGIC));
    } catch (IOException e) {
      return true; // which reading it will tell
    }
  }

  /** What follows the last dot of a file's name, in lower case; may be empty. */
  private static String ending(String path) {
    int dot = path.lastIndexOf('.');
    return dot > path.lastIndexOf('/') ? path.substring(dot + 1).toLowerCase(Locale.ROOT) : "";
  }

  /** Files and folders that cannot be read. */
  public List<RejectedImage> rejected() {
    return rejected;
  }

  /** The numbers of files that are no images by their names, by ending. */
  public SortedMap<String, Integer> leftOut() {
    return leftOut;
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
        return new Entry(key, label < 0 ? null : label, root + key, bytes[index]);
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
