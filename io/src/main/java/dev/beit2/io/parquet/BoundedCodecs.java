package dev.beit2.io.parquet;

import java.io.IOException;
import java.nio.ByteBuffer;
import org.apache.parquet.bytes.BytesInput;
import org.apache.parquet.compression.CompressionCodecFactory;
import org.apache.parquet.conf.PlainParquetConfiguration;
import org.apache.parquet.hadoop.metadata.CompressionCodecName;
import org.apache.parquet.hadoop.util.HadoopCodecs;

/**
 * Parquet's codecs with a limit: a page that claims more than a quarter of the Java heap is an
 * {@link IOException} instead of an OutOfMemoryError.
 */
public final class BoundedCodecs implements CompressionCodecFactory {
  private final CompressionCodecFactory codecs =
      HadoopCodecs.newFactory(new PlainParquetConfiguration(), 0);
  private final long maxBytes = Runtime.getRuntime().maxMemory() / 4;

  /** Whether the class path has what unpacks pages of this codec. */
  public boolean reads(CompressionCodecName codec) {
    try {
      codecs.getDecompressor(codec);
      return true;
    } catch (RuntimeException | LinkageError e) {
      return false;
    }
  }

  @Override
  public BytesInputCompressor getCompressor(CompressionCodecName codec) {
    return codecs.getCompressor(codec);
  }

  @Override
  public BytesInputDecompressor getDecompressor(CompressionCodecName codec) {
    BytesInputDecompressor unbounded = codecs.getDecompressor(codec);
    return new BytesInputDecompressor() {
      @Override
      public BytesInput decompress(BytesInput bytes, int size) throws IOException {
        requireRoom(size);
        return unbounded.decompress(bytes, size);
      }

      @Override
      public void decompress(ByteBuffer in, int compressedSize, ByteBuffer out, int size)
          throws IOException {
        requireRoom(size);
        unbounded.decompress(in, compressedSize, out, size);
      }

      @Override
      public void release() {
        unbounded.release();
      }
    };
  }

  private void requireRoom(int size) throws IOException {
    if (size < 0 || size > maxBytes) {
      throw new IOException("a page that claims " + size + " bytes, over the limit of " + maxBytes);
    }
  }

  @Override
  public void release() {
    codecs.release();
  }
}
