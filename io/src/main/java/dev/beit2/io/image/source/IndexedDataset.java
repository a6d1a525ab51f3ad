package dev.beit2.io.image.source;

import dev.beit2.io.Parallel;
import dev.beit2.io.image.ImageRecord;
import dev.beit2.io.image.RejectedImage;
import dev.beit2.io.image.UndecodableImageException;
import java.io.IOException;
import java.util.Arrays;
import java.util.List;

/** Images that are ranges of bytes in archives. */
final class IndexedDataset extends RandomAccessDataset {
  private final FormatReader reader;
  private final List<PartitionIndex> partitions;
  private final long[] starts; // one more than there are partitions

  private IndexedDataset(
      FormatReader reader, FormatReader.Listing listing, List<PartitionIndex> partitions) {
    super(listing.classes(), listing.rejected(), listing.note());
    partitions.forEach(partition -> partition.rejected().forEach(this::reject));
    this.reader = reader;
    this.partitions = partitions.stream().filter(partition -> partition.size() > 0).toList();
    this.starts = new long[this.partitions.size() + 1];
    for (int i = 0; i < this.partitions.size(); i++) {
      starts[i + 1] = starts[i] + this.partitions.get(i).size();
    }
  }

  static IndexedDataset of(ImageSource source) throws IOException {
    FormatReader reader = source.reader();
    FormatReader.Listing listing = reader.list();
    List<PartitionIndex> partitions =
        Parallel.map(
            listing.partitions(), partition -> PartitionIndex.of(source.reader(), partition));
    return new IndexedDataset(reader, listing, partitions);
  }

  @Override
  public long size() {
    return starts[partitions.size()];
  }

  @Override
  ImageRecord read(long index) throws IOException {
    int found = Arrays.binarySearch(starts, index);
    int partition = found >= 0 ? found : -found - 2;
    PartitionIndex images = partitions.get(partition);
    int i = (int) (index - starts[partition]);
    String key = images.key(i);
    try {
      return reader.image(key, images.label(i), images.read(reader, i));
    } catch (UndecodableImageException e) {
      return rejectedRecord(new RejectedImage(key, e.getMessage()));
    }
  }
}
