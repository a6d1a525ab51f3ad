package dev.beit2.io.image.source;

import dev.beit2.io.Parallel;
import dev.beit2.io.SortedFiles;
import dev.beit2.io.image.ImageFolder;
import dev.beit2.io.image.ImageRecord;
import dev.beit2.io.image.RejectedImage;
import dev.beit2.io.image.UndecodableImageException;
import dev.beit2.io.image.source.ImageSource.Format;
import dev.beit2.io.store.StoredFile;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.channels.WritableByteChannel;
import java.util.ArrayList;
import java.util.List;
import java.util.SortedSet;
import java.util.TreeSet;

/** Images that can each be read on their own, files or ranges of bytes in archives. */
final class IndexedDataset extends ImageDataset {
  /** Archives whose indices are in memory at once. */
  private static final int PARTITIONS_AT_ONCE = 64;

  private final ImageSource source;
  private final FormatReader reader;
  private final ImageIndex index;

  IndexedDataset(ImageSource source, ImageIndex index) {
    super(index.header().classes(), index.header().rejected(), index.header().note());
    this.source = source;
    this.reader = source.reader();
    this.index = index;
  }

  /** Lists a set, and writes where its images are. */
  static void writeIndex(ImageSource source, WritableByteChannel file) throws IOException {
    ImageIndex.Writer writer = new ImageIndex.Writer(file);
    writer.finish(
        source.format() == Format.FOLDER ? files(source, writer) : archives(source, writer));
  }

  private static ImageIndex.Header files(ImageSource source, ImageIndex.Writer writer)
      throws IOException {
    try (SortedFiles sorted = new SortedFiles()) {
      SortedSet<String> found = new TreeSet<>();
      ImageFolder.Rest rest = FolderReader.visit(source, found, sorted);
      List<String> classes = List.copyOf(found);
      sorted.forEach(
          (name, bytes) ->
              writer.add(
                  name,
                  FolderReader.label(classes, name),
                  0,
                  0,
                  Math.min(bytes, Integer.MAX_VALUE))); // longer ones are over any limit
      return new ImageIndex.Header(
          writer.images(),
          List.of(rest.root()),
          classes,
          rest.rejected(),
          FolderReader.note(rest.leftOut()));
    }
  }

  private static ImageIndex.Header archives(ImageSource source, ImageIndex.Writer writer)
      throws IOException {
    FormatReader.Listing listing = source.reader().list();
    List<SourcePartition> partitions = listing.partitions();
    List<RejectedImage> rejected = new ArrayList<>(listing.rejected());
    for (int from = 0; from < partitions.size(); from += PARTITIONS_AT_ONCE) {
      int to = Math.min(partitions.size(), from + PARTITIONS_AT_ONCE);
      List<PartitionIndex> scanned =
          Parallel.map(
              partitions.subList(from, to),
              partition -> PartitionIndex.of(source.reader(), partition));
      for (int i = 0; i < scanned.size(); i++) {
        scanned.get(i).writeTo(writer, from + i);
        rejected.addAll(scanned.get(i).rejected());
      }
    }
    return new ImageIndex.Header(
        writer.images(),
        partitions.stream().map(SourcePartition::file).toList(),
        listing.classes(),
        rejected,
        listing.note());
  }

  @Override
  public long size() {
    return index.header().images();
  }

  @Override
  int mostAtOnce() {
    return ImageFile.MOST_AT_ONCE;
  }

  @Override
  public Epoch epoch(long seed, long epoch) {
    RandomOrder order = RandomOrder.of(seed, epoch, size());
    return new Epoch() {
      @Override
      public ImageRecord read(long position) throws IOException {
        return IndexedDataset.this.read(index.entry(order.at(position)));
      }

      @Override
      public long bytes(long position) {
        try {
          return index.entry(order.at(position)).length();
        } catch (IOException e) {
          throw new UncheckedIOException(e);
        }
      }
    };
  }

  private ImageRecord read(ImageIndex.Entry image) throws IOException {
    String file = index.header().files().get(image.partition());
    if (source.format() == Format.FOLDER) {
      ImageFile.Content content =
          new ImageFile(file + image.key(), image.length(), source.maxImageBytes()).read();
      return content.fault() != null
          ? rejectedRecord(new RejectedImage(image.key(), content.fault()))
          : new ImageRecord(image.key(), image.label(), content.bytes());
    }
    try {
      byte[] stored = reader.read(file, image.offset(), image.length());
      return reader.image(image.key(), image.label(), stored);
    } catch (UndecodableImageException e) {
      return rejectedRecord(new RejectedImage(image.key(), e.getMessage()));
    }
  }

  @Override
  public void writeIndex(StoredFile file) throws IOException {
    file.write(index::copyTo);
  }

  @Override
  public void close() throws IOException {
    index.close();
  }
}
