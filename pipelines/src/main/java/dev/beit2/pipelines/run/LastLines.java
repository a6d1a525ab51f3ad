package dev.beit2.pipelines.run;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.SeekableByteChannel;
import java.util.Optional;

/**
 * The lines of a file from the last to the first; no more of it is read than that takes. What
 * follows the last line end is no line: somebody is writing it, or was killed over it.
 */
final class LastLines {
  private static final int BLOCK = 1 << 16;

  private final SeekableByteChannel file;
  // Bytes of the file, from this offset on.
  private long blockStart;
  private byte[] block = {};
  private long position;

  LastLines(SeekableByteChannel file) throws IOException {
    this.file = file;
    this.blockStart = file.size();
    this.position = blockStart;
    this.position = afterLineEnd(blockStart);
  }

  /** Where the line that was given last begins; at first, where the last line ends. */
  long position() {
    return position;
  }

  /** The line before the one that was given last, without its line end; nothing at the start. */
  Optional<String> previous() throws IOException {
    if (position == 0) {
      return Optional.empty();
    }
    long lineEnd = position - 1;
    position = afterLineEnd(lineEnd);
    int start = Math.toIntExact(position - blockStart);
    int end = Math.toIntExact(lineEnd - blockStart);
    return Optional.of(new String(block, start, end - start, UTF_8));
  }

  /** The offset behind the last line end before an offset, 0 if there is none. */
  private long afterLineEnd(long before) throws IOException {
    for (long offset = before; offset > 0; offset--) {
      if (offset == blockStart) {
        readBlock();
      }
      if (block[Math.toIntExact(offset - 1 - blockStart)] == '\n') {
        return offset;
      }
    }
    return 0;
  }

  /** Reads the block before; of the one that was there, what is not given yet stays. */
  private void readBlock() throws IOException {
    int length = (int) Math.min(BLOCK, blockStart);
    int kept = Math.toIntExact(position - blockStart);
    ByteBuffer longer = ByteBuffer.allocate(length + kept);
    longer.limit(length);
    file.position(blockStart - length);
    while (longer.hasRemaining()) {
      if (file.read(longer) < 0) {
        throw new EOFException("the file became shorter while it was read");
      }
    }
    longer.limit(longer.capacity());
    longer.put(block, 0, kept);
    block = longer.array();
    blockStart -= length;
  }
}
