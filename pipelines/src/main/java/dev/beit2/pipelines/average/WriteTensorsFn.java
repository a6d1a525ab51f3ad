package dev.beit2.pipelines.average;

import dev.beit2.io.store.StoredFile;
import dev.beit2.model.checkpoint.Safetensors;
import dev.beit2.model.checkpoint.SafetensorsHeader;
import dev.beit2.pipelines.run.Checkpoint;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.FileChannel;
import java.nio.channels.SeekableByteChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import org.apache.beam.sdk.transforms.DoFn;
import org.apache.beam.sdk.values.KV;

/**
 * Writes a file of tensors from chunks that arrive in any order. It has the layout of the model
 * with which the round began, and copies that model's constants. The file is assembled on the local
 * disk, so that only one chunk is in memory. Output: the file's name.
 */
final class WriteTensorsFn extends DoFn<KV<String, Iterable<KV<Long, float[]>>>, String> {
  private static final long serialVersionUID = 1L;
  private static final String AVERAGED_TYPE = "F32";

  private final String from;
  private final String to;

  /**
   * @param from folder of the checkpoint with which the round began
   * @param to folder of the next checkpoint
   */
  WriteTensorsFn(String from, String to) {
    this.from = from;
    this.to = to;
  }

  @ProcessElement
  public void processElement(
      @Element KV<String, Iterable<KV<Long, float[]>>> file, OutputReceiver<String> written)
      throws IOException {
    Path spool = Files.createTempFile("beit2-", ".safetensors");
    try (FileChannel channel =
        FileChannel.open(spool, StandardOpenOption.READ, StandardOpenOption.WRITE)) {
      long missing = begin(channel);
      for (KV<Long, float[]> values : file.getValue()) {
        missing -= write(channel, values.getKey(), values.getValue());
      }
      // The momentum covers only trained parameters.
      if (missing < 0 || (missing > 0 && file.getKey().equals(Checkpoint.MODEL))) {
        throw new IllegalStateException(
            "%d bytes of %s/%s were not averaged".formatted(missing, to, file.getKey()));
      }
      StoredFile.in(to, file.getKey())
          .write(
              out -> {
                long size = channel.size();
                for (long offset = 0; offset < size; ) {
                  offset += channel.transferTo(offset, size - offset, out);
                }
              });
    } finally {
      Files.delete(spool);
    }
    written.output(file.getKey());
  }

  /** Writes the header and the constants; returns the number of bytes that are missing. */
  private long begin(FileChannel channel) throws IOException {
    long missing = 0;
    try (SeekableByteChannel model = StoredFile.in(from, Checkpoint.MODEL).openSeekable()) {
      SafetensorsHeader header = Safetensors.header(model);
      channel.write(header.bytes(), 0);
      extend(channel, model.size());
      for (SafetensorsHeader.Entry tensor : header.tensors().values()) {
        if (tensor.dtype().equals(AVERAGED_TYPE)) {
          missing += tensor.size();
        } else {
          copy(model, channel, tensor.start(), tensor.end());
        }
      }
    }
    return missing;
  }

  private static void copy(SeekableByteChannel in, FileChannel out, long start, long end)
      throws IOException {
    in.position(start);
    for (long offset = start; offset < end; ) {
      long copied = out.transferFrom(in, offset, end - offset);
      if (copied <= 0) {
        throw new IOException("a checkpoint's file ends early");
      }
      offset += copied;
    }
  }

  /** Extends the file; bytes that are never written are zero. */
  private static void extend(FileChannel channel, long size) throws IOException {
    if (channel.size() < size) {
      channel.write(ByteBuffer.allocate(1), size - 1);
    }
  }

  private static long write(FileChannel channel, long offset, float[] values) throws IOException {
    ByteBuffer bytes =
        ByteBuffer.allocate(Float.BYTES * values.length).order(ByteOrder.LITTLE_ENDIAN);
    bytes.asFloatBuffer().put(values);
    while (bytes.hasRemaining()) {
      channel.write(bytes, offset + bytes.position());
    }
    return bytes.capacity();
  }
}
