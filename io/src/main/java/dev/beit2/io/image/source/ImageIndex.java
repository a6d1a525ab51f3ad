package dev.beit2.io.image.source;

import static java.nio.charset.StandardCharsets.UTF_8;

import dev.beit2.io.Json;
import dev.beit2.io.image.RejectedImage;
import java.io.ByteArrayOutputStream;
import java.io.Closeable;
import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.SeekableByteChannel;
import java.nio.channels.WritableByteChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import javax.annotation.Nullable;

/**
 * Where each image of a set is, in a file of which a page is read at a time: memory does not grow
 * with the set, except for 8 bytes per {@value #PAGE} images.
 *
 * <p>The file has pages of images, the position of each page (8 bytes, big-endian), the {@link
 * Header} as JSON, and the positions of the latter two. In a page an image is
 *
 * <pre>
 * bytes of its key that the key before has, bytes that follow, these bytes, label + 1, partition, offset, length
 * </pre>
 *
 * with all numbers as LEB128.
 */
final class ImageIndex implements Closeable {
  private static final int PAGE = 1024;
  private static final long MAGIC = 0x6265_6974_3269_6478L; // beit2idx
  private static final int END = 3 * Long.BYTES;
  private static final int COPIED_AT_ONCE = 1 << 20;

  /**
   * What the images have in common.
   *
   * @param images how many there are
   * @param files of the partitions; of a folder, the one path to which the keys are added
   * @param classes names by label; empty where they are not known
   * @param rejected what cannot be read
   * @param note what to tell people, or null
   */
  record Header(
      long images,
      List<String> files,
      List<String> classes,
      List<RejectedImage> rejected,
      @Nullable String note) {}

  /**
   * An image.
   *
   * @param partition index of its file
   */
  record Entry(String key, @Nullable Integer label, int partition, long offset, int length) {}

  private final SeekableByteChannel file;
  private final Header header;
  private final long[] pages; // positions; one more than there are pages
  private final Path path;
  private final boolean temporary;

  private ImageIndex(
      SeekableByteChannel file, Header header, long[] pages, Path path, boolean temporary) {
    this.file = file;
    this.path = path;
    this.header = header;
    this.pages = pages;
    this.temporary = temporary;
  }

  /** Opens an index that lies on the local disk. */
  static ImageIndex open(Path path) throws IOException {
    return open(path, false);
  }

  /** Opens an index that is deleted when it is closed, or the JVM ends. */
  static ImageIndex openTemporary(Path path) throws IOException {
    path.toFile().deleteOnExit();
    return open(path, true);
  }

  private static ImageIndex open(Path path, boolean temporary) throws IOException {
    SeekableByteChannel file = Files.newByteChannel(path);
    try {
      long end = file.size() - END;
      ByteBuffer places = read(file, end, END);
      long pagesStart = places.getLong();
      long headerStart = places.getLong();
      if (places.getLong() != MAGIC || pagesStart > headerStart || headerStart > end) {
        throw new IOException(path + " is no index of images");
      }
      ByteBuffer positions = read(file, pagesStart, headerStart - pagesStart);
      long[] pages = new long[positions.remaining() / Long.BYTES];
      positions.asLongBuffer().get(pages);
      String json = UTF_8.decode(read(file, headerStart, end - headerStart)).toString();
      return new ImageIndex(file, Json.read(json, Header.class), pages, path, temporary);
    } catch (IOException | RuntimeException e) {
      file.close();
      throw e;
    }
  }

  Header header() {
    return header;
  }

  /** Reads an image's entry; any number of threads may. */
  Entry entry(long index) throws IOException {
    int page = (int) (index / PAGE);
    ByteBuffer in = readPage(page);
    byte[] key = new byte[0];
    for (int i = 0; ; i++) {
      int shared = (int) number(in);
      int more = (int) number(in);
      key = Arrays.copyOf(key, shared + more);
      in.get(key, shared, more);
      long label = number(in);
      long partition = number(in);
      long offset = number(in);
      long length = number(in);
      if (i == index % PAGE) {
        return new Entry(
            new String(key, UTF_8),
            label == 0 ? null : (Integer) (int) (label - 1),
            (int) partition,
            offset,
            (int) length);
      }
    }
  }

  private synchronized ByteBuffer readPage(int page) throws IOException {
    return read(file, pages[page], pages[page + 1] - pages[page]);
  }

  private static ByteBuffer read(SeekableByteChannel file, long start, long length)
      throws IOException {
    if (start < 0 || length < 0 || length > Integer.MAX_VALUE - 8) {
      throw new EOFException("an index of images that breaks off");
    }
    ByteBuffer buffer = ByteBuffer.allocate((int) length);
    file.position(start);
    while (buffer.hasRemaining()) {
      if (file.read(buffer) < 0) {
        throw new EOFException("an index of images that breaks off");
      }
    }
    return buffer.flip();
  }

  private static long number(ByteBuffer in) {
    long number = 0;
    for (int shift = 0; ; shift += 7) {
      byte next = in.get();
      number |= (long) (next & 0x7f) << shift;
      if (next >= 0) {
        return number;
      }
    }
  }

  /** Copies the whole file. */
  void copyTo(WritableByteChannel out) throws IOException {
    try (FileChannel in = FileChannel.open(path)) {
      long position = 0;
      while (position < in.size()) {
        position += in.transferTo(position, COPIED_AT_ONCE, out);
      }
    }
  }

  @Override
  public void close() throws IOException {
    file.close();
    if (temporary) {
      Files.deleteIfExists(path);
    }
  }

  /** Writes an index, with a page in memory. */
  static final class Writer {
    private final WritableByteChannel file;
    private final ByteArrayOutputStream page = new ByteArrayOutputStream();
    private long[] pages = new long[16];
    private int pageCount;
    private long position;
    private long images;
    private byte[] last = {};

    Writer(WritableByteChannel file) {
      this.file = file;
    }

    void add(String key, @Nullable Integer label, int partition, long offset, long length)
        throws IOException {
      if (images % PAGE == 0) {
        beginPage();
      }
      byte[] bytes = key.getBytes(UTF_8);
      int mismatch = Arrays.mismatch(last, bytes);
      int shared = mismatch < 0 ? bytes.length : mismatch;
      number(shared);
      number(bytes.length - shared);
      page.write(bytes, shared, bytes.length - shared);
      number(label == null ? 0 : label + 1L);
      number(partition);
      number(offset);
      number(length);
      last = bytes;
      images++;
    }

    private void beginPage() throws IOException {
      flushPage();
      if (pageCount + 1 == pages.length) {
        pages = Arrays.copyOf(pages, 2 * pages.length);
      }
      pages[pageCount++] = position;
      last = new byte[0];
    }

    private void flushPage() throws IOException {
      write(ByteBuffer.wrap(page.toByteArray()));
      page.reset();
    }

    private void write(ByteBuffer bytes) throws IOException {
      position += bytes.remaining();
      while (bytes.hasRemaining()) {
        file.write(bytes);
      }
    }

    private void number(long number) {
      long rest = number;
      while (rest >= 0x80) {
        page.write((int) (rest | 0x80));
        rest >>>= 7;
      }
      page.write((int) rest);
    }

    long images() {
      return images;
    }

    /** Writes the rest; {@code header.images} must be the number of images. */
    void finish(Header header) throws IOException {
      flushPage();
      pages[pageCount] = position;
      long pagesStart = position;
      ByteBuffer positions = ByteBuffer.allocate((pageCount + 1) * Long.BYTES);
      positions.asLongBuffer().put(pages, 0, pageCount + 1);
      write(positions);
      long headerStart = position;
      write(UTF_8.encode(Json.line(header)));
      write(
          ByteBuffer.allocate(END).putLong(pagesStart).putLong(headerStart).putLong(MAGIC).flip());
    }
  }
}
