package dev.beit2.pipelines;

import java.io.IOException;
import java.nio.channels.WritableByteChannel;

/** Writes one file's bytes into a channel that the caller opens and closes. */
@FunctionalInterface
interface ChannelWriter {
  void write(WritableByteChannel channel) throws IOException;
}
