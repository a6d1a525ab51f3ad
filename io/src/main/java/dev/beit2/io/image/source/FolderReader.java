package dev.beit2.io.image.source;

import dev.beit2.io.InputFiles;
import dev.beit2.io.image.ImageFolder;
import dev.beit2.io.image.RejectedImage;
import java.io.IOException;
import java.io.InputStream;
import java.nio.channels.Channels;
import java.nio.channels.ReadableByteChannel;
import java.nio.channels.SeekableByteChannel;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.SortedMap;
import java.util.stream.Collectors;
import javax.annotation.Nullable;

/** Reads a folder with one image per file, see {@link ImageFolder}. A partition is a file. */
final class FolderReader implements FormatReader {
  private static final int MOST_ENDINGS = 5; // that are told

  private final ImageSource source;

  FolderReader(ImageSource source) {
    this.source = source;
  }

  @Override
  public Listing list() {
    ImageFolder folder = ImageFolder.list(source.path());
    List<SourcePartition> files =
        folder.entries().stream()
            .map(e -> new SourcePartition(e.key(), e.path(), 0, 0, e.label()))
            .toList();
    boolean unlabelled = files.stream().anyMatch(file -> file.label() == null);
    return new Listing(
        files,
        folder.rejected(),
        folder.classes(),
        OptionalLong.of(files.size()),
        unlabelled ? "images without a class, as they lie in no folder of one" : null,
        note(folder));
  }

  /** Which files were left out; null if none was. */
  @Nullable
  static String note(ImageFolder folder) {
    SortedMap<String, Integer> counts = folder.leftOut();
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
    byte[] bytes = read(partition.file(), source.maxImageBytes());
    if (bytes == null) {
      sink.rejected(tooLarge(partition.name(), source.maxImageBytes()));
    } else {
      sink.image(partition.name(), partition.label(), 0, bytes.length, bytes);
    }
  }

  static RejectedImage tooLarge(String key, long limit) {
    return new RejectedImage(key, "over the limit of " + limit + " bytes");
  }

  /** A whole file, or null if it is larger than the limit. */
  @Nullable
  static byte[] read(String path, long limit) throws IOException {
    try (ReadableByteChannel channel = InputFiles.open(path);
        InputStream in = Channels.newInputStream(channel)) {
      if (channel instanceof SeekableByteChannel seekable && seekable.size() > limit) {
        return null;
      }
      byte[] bytes = in.readNBytes((int) Math.min(Integer.MAX_VALUE, limit + 1));
      return bytes.length > limit ? null : bytes;
    }
  }
}
