package dev.beit2.io.shard;

import java.io.IOException;
import java.nio.channels.Channels;
import java.nio.channels.SeekableByteChannel;
import org.apache.parquet.io.DelegatingSeekableInputStream;
import org.apache.parquet.io.InputFile;
import org.apache.parquet.io.SeekableInputStream;

/** Lets Parquet read a shard without Hadoop's file systems. */
record ShardInput(ShardFolder folder, String file) implements InputFile {
  @Override
  public long getLength() throws IOException {
    return folder.file(file).length();
  }

  @Override
  public SeekableInputStream newStream() throws IOException {
    return new Stream(folder.file(file).openSeekable());
  }

  @Override
  public String toString() {
    return folder.path(file); // for Parquet's messages
  }

  private static final class Stream extends DelegatingSeekableInputStream {
    private final SeekableByteChannel channel;

    Stream(SeekableByteChannel channel) {
      super(Channels.newInputStream(channel));
      this.channel = channel;
    }

    @Override
    public long getPos() throws IOException {
      return channel.position();
    }

    @Override
    public void seek(long position) throws IOException {
      channel.position(position);
    }
  }
}
