package dev.beit2.io.image.source;

import dev.beit2.io.image.ImageRecord;
import dev.beit2.io.image.RejectedImage;
import dev.beit2.io.image.UndecodableImageException;
import java.io.IOException;
import java.util.Arrays;
import java.util.List;

/** Images that are ranges of bytes in archives. */
final class IndexedDataset extends RandomAccessDataset {
  private final Form form;
  private final List<PartIndex> parts;
  private final long[] starts; // one more than there are parts

  private IndexedDataset(Form form, Form.Listing listing, List<PartIndex> parts) {
    super(listing.classes(), listing.rejected());
    parts.forEach(part -> part.rejected().forEach(this::reject));
    this.form = form;
    this.parts = parts.stream().filter(part -> part.size() > 0).toList();
    this.starts = new long[this.parts.size() + 1];
    for (int i = 0; i < this.parts.size(); i++) {
      starts[i + 1] = starts[i] + this.parts.get(i).size();
    }
  }

  static IndexedDataset of(ImageSource source) throws IOException {
    Form form = source.form();
    Form.Listing listing = form.list();
    List<PartIndex> parts =
        Parallel.map(listing.parts(), part -> PartIndex.of(source.form(), part));
    return new IndexedDataset(form, listing, parts);
  }

  @Override
  public long size() {
    return starts[parts.size()];
  }

  @Override
  ImageRecord read(long index) throws IOException {
    int found = Arrays.binarySearch(starts, index);
    int part = found >= 0 ? found : -found - 2;
    PartIndex images = parts.get(part);
    int i = (int) (index - starts[part]);
    String key = images.key(i);
    try {
      return form.image(key, images.label(i), images.read(form, i));
    } catch (UndecodableImageException e) {
      return rejectedRecord(new RejectedImage(key, e.getMessage()));
    }
  }
}
