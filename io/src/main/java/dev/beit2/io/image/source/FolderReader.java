package dev.beit2.io.image.source;

import dev.beit2.io.ReadAhead;
import dev.beit2.io.SortedFiles;
import dev.beit2.io.image.ImageFolder;
import dev.beit2.io.image.RejectedImage;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.util.ArrayList;
import java.util.Collections;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.SortedMap;
import java.util.SortedSet;
import java.util.TreeSet;
import java.util.stream.Collectors;
import javax.annotation.Nullable;

/** Reads a folder with one image per file, see {@link ImageFolder}. A partition is a file. */
final class FolderReader implements FormatReader {
  private static final int MOST_ENDINGS = 5; // that are told
  private static final int MOST_FILES = 256; // read one after the other

  private final ImageSource source;

  FolderReader(ImageSource source) {
    this.source = source;
  }

  /** Lists the images and their classes. */
  static ImageFolder.Rest visit(ImageSource source, SortedSet<String> classes, SortedFiles images)
      throws IOException {
    try {
      return ImageFolder.visit(
          source.path(),
          file -> {
            addClass(classes, file.name());
            try {
              images.add(file.name(), file.bytes());
            } catch (IOException e) {
              throw new UncheckedIOException(e);
            }
          });
    } catch (UncheckedIOException e) {
      throw e.getCause();
    }
  }

  private static void addClass(SortedSet<String> classes, String name) {
    String className = ImageFolder.classOf(name);
    if (!className.isEmpty()) {
      classes.add(className);
    }
  }

  /** The label of an image; null if it has no class. */
  @Nullable
  static Integer label(List<String> classes, String name) {
    int label = Collections.binarySearch(classes, ImageFolder.classOf(name));
    return label < 0 ? null : (Integer) label;
  }

  @Override
  public ImageSource.Summary summary() {
    SortedSet<String> classes = new TreeSet<>();
    long[] images = new long[2]; // all, and those without a class
    ImageFolder.Rest rest =
        ImageFolder.visit(
            source.path(),
            file -> {
              addClass(classes, file.name());
              images[0]++;
              images[1] += ImageFolder.classOf(file.name()).isEmpty() ? 1 : 0;
            });
    return new ImageSource.Summary(
        List.copyOf(classes),
        OptionalLong.of(images[0]),
        images[1] > 0 ? "images without a class, as they lie in no folder of one" : null,
        note(rest.leftOut()));
  }

  @Override
  public List<RejectedImage> list(GroupReceiver groups) throws IOException {
    try (SortedFiles images = new SortedFiles()) {
      SortedSet<String> found = new TreeSet<>();
      ImageFolder.Rest rest = visit(source, found, images);
      List<String> classes = List.copyOf(found);
      int together = FormatReader.together(images.size(), MOST_FILES);
      List<SourcePartition> group = new ArrayList<>(together);
      images.forEach(
          (name, bytes) -> {
            group.add(
                new SourcePartition(name, rest.root() + name, bytes, 0, 0, label(classes, name)));
            if (group.size() == together) {
              groups.accept(List.copyOf(group));
              group.clear();
            }
          });
      if (!group.isEmpty()) {
        groups.accept(List.copyOf(group));
      }
      return rest.rejected();
    }
  }

  /** Images are files: there are no partitions to be listed before they are read. */
  @Override
  public Listing list() {
    throw new UnsupportedOperationException("a folder is listed in groups");
  }

  /** Which files were left out; null if none was. */
  @Nullable
  static String note(SortedMap<String, Integer> counts) {
    if (counts.isEmpty()) {
      return null;
    }
    int files = counts.values().stream().mapToInt(Integer::intValue).sum();
    return counts.entrySet().stream()
        .sorted(Map.Entry.<String, Integer>comparingByValue().reversed())
        .limit(MOST_ENDINGS)
        .map(e -> e.getValue() + (e.getKey().isEmpty() ? " without ending" : " ." + e.getKey()))
        .collect(
            Collectors.joining(
                ", ",
                "left out files that are no images by their names, " + files + ": ",
                counts.size() > MOST_ENDINGS ? ", …" : ""));
  }

  @Override
  public void scan(SourcePartition partition, boolean withBytes, ImageSink sink)
      throws IOException {
    give(partition, ImageFile.of(partition, source.maxImageBytes()).read(), sink);
  }

  /** Reads the next files while the caller uses one. */
  @Override
  public void scanAll(List<SourcePartition> partitions, ImageSink sink) throws IOException {
    ReadAhead<SourcePartition, ImageFile.Content> contents =
        new ReadAhead<>(
            partitions.iterator(),
            ImageFile.MOST_AT_ONCE,
            SourcePartition::fileBytes,
            ImageFile.MOST_BYTES_AT_ONCE,
            file -> ImageFile.of(file, source.maxImageBytes()).read());
    for (SourcePartition partition : partitions) {
      give(partition, contents.next(), sink);
    }
  }

  private static void give(SourcePartition partition, ImageFile.Content content, ImageSink sink) {
    if (content.fault() != null) {
      sink.rejected(new RejectedImage(partition.name(), content.fault()));
    } else {
      byte[] bytes = content.bytes();
      sink.image(partition.name(), partition.label(), 0, bytes.length, bytes);
    }
  }
}
