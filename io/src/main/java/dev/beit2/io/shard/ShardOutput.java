package dev.beit2.io.shard;

import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.channels.Channels;
import java.nio.channels.WritableByteChannel;
import java.util.zip.CRC32C;
import org.apache.parquet.io.OutputFile;
import org.apache.parquet.io.PositionOutputStream;

/** A shard for Parquet to write, without Hadoop's file systems; measures what goes by. */
final class ShardOutput implements OutputFile {
  private final CRC32C crc = new CRC32C();
  private final OutputStream out;
  private long position;

  ShardOutput(WritableByteChannel channel) {
    this.out = new BufferedOutputStream(Channels.newOutputStream(channel), 1 << 16);
  }

  long bytes() {
    return position;
  }

  String crc32c() {
    return hex(crc);
  }

  /** As {@link ShardManifest.Shard#crc32c()} has it. */
  static String hex(CRC32C crc) {
    return String.format("%08x", crc.getValue());
  }

  @Override
  public PositionOutputStream create(long blockSizeHint) {
    return new Stream();
  }

  @Override
  public PositionOutputStream createOrOverwrite(long blockSizeHint) {
    return new Stream();
  }

  @Override
  public boolean supportsBlockSize() {
    return false;
  }

  @Override
  public long defaultBlockSize() {
    return 0;
  }

  private final class Stream extends PositionOutputStream {
    @Override
    public long getPos() {
      return position;
    }

    @Override
    public void write(int b) throws IOException {
      write(new byte[] {(byte) b}, 0, 1);
    }

    @Override
    public void write(byte[] bytes, int offset, int length) throws IOException {
      out.write(bytes, offset, length);
      crc.update(bytes, offset, length);
      position += length;
    }

    @Override
    public void flush() throws IOException {
      out.flush();
    }

    @Override
    public void close() throws IOException {
      out.close();
    }
  }
}
