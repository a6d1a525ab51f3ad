package dev.beit2.io.store;

import java.io.IOException;
import java.nio.channels.WritableByteChannel;

/** Writes one file's bytes into a channel that the caller opens and closes. */
@FunctionalInterface
public interface ChannelWriter {
  void write(WritableByteChannel channel) throws IOException;
}
