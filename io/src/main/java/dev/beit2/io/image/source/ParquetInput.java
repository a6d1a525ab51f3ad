package dev.beit2.io.image.source;

import java.io.IOException;
import java.io.UncheckedIOException;
import org.apache.parquet.io.DelegatingSeekableInputStream;
import org.apache.parquet.io.InputFile;
import org.apache.parquet.io.SeekableInputStream;

/**
 * Lets Parquet read a file without Hadoop's file systems. A failure of the file system is thrown as
 * an {@link UncheckedIOException}.
 */
record ParquetInput(String file) implements InputFile {
  @Override
  public long getLength() throws IOException {
    try (ByteRangeStream stream = ByteRangeStream.open(file, 0, Long.MAX_VALUE)) {
      return stream.length();
    }
  }

  @Override
  public SeekableInputStream newStream() throws IOException {
    ByteRangeStream stream = ByteRangeStream.open(file, 0, Long.MAX_VALUE);
    return new DelegatingSeekableInputStream(stream) {
      @Override
      public long getPos() {
        return stream.position();
      }

      @Override
      public void seek(long position) {
        stream.seek(position);
      }
    };
  }
}
