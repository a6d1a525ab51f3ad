package dev.beit2.pipelines.run;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.EOFException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.SeekableByteChannel;
import java.util.Optional;

/**
 * Reads the lines of a file from the last to the first, in blocks. Text after the last line end is
 * skipped: a process is writing it, or was killed while writing it.
 */
final class LastLines {
  private static final int BLOCK = 1 << 16;

  private final SeekableByteChannel file;
  // Offset of the block in the file.
  private long blockStart;
  private byte[] block = {};
  private long position;

  LastLines(SeekableByteChannel file) throws IOException {
    this.file = file;
    this.blockStart = file.size();
    this.position = blockStart;
    this.position = afterLineEnd(blockStart);
  }

  /** Offset at which the line returned last begins; at first, the end of the last line. */
  long position() {
    return position;
  }

  /**
   * The line before the one returned last, without its line end; empty at the start of the file.
   */
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

  /** The offset after the last line end before an offset; 0 if there is none. */
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

  /** Reads the previous block and keeps the part of the current one that was not returned yet. */
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
