package dev.beit2.io.image.source;

import dev.beit2.io.image.ImageFolder;
import dev.beit2.io.image.ImageRecord;
import dev.beit2.io.image.RejectedImage;
import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.NoSuchFileException;

/** The files of an {@link ImageFolder}. */
final class FolderDataset extends RandomAccessDataset {
  private final ImageFolder folder;
  private final long maxImageBytes;

  private FolderDataset(ImageFolder folder, long maxImageBytes) {
    super(folder.classes(), folder.rejected(), FolderReader.note(folder));
    this.folder = folder;
    this.maxImageBytes = maxImageBytes;
  }

  static FolderDataset of(ImageSource source) {
    return new FolderDataset(ImageFolder.list(source.path()), source.maxImageBytes());
  }

  @Override
  public long size() {
    return folder.entries().size();
  }

  @Override
  ImageRecord read(long index) throws IOException {
    ImageFolder.Entry entry = folder.entries().get((int) index);
    byte[] bytes;
    try {
      bytes = FolderReader.read(entry.path(), maxImageBytes);
    } catch (AccessDeniedException | NoSuchFileException e) {
      return rejectedRecord(new RejectedImage(entry.key(), FormatReader.unreadable(e)));
    }
    return bytes == null
        ? rejectedRecord(FolderReader.tooLarge(entry.key(), maxImageBytes))
        : new ImageRecord(entry.key(), entry.label(), bytes);
  }
}
