package dev.beit2.io.parquet;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import java.io.IOException;
import java.util.List;
import org.apache.parquet.bytes.BytesInput;
import org.apache.parquet.compression.CompressionCodecFactory.BytesInputDecompressor;
import org.apache.parquet.hadoop.metadata.CompressionCodecName;
import org.junit.jupiter.api.Test;

class BoundedCodecsTest {
  private static final byte[] PAGE = "a page ".repeat(1000).getBytes(UTF_8);

  @Test
  void pagesAreDecompressedAndAbsurdClaimsAreRefused() throws Exception {
    BoundedCodecs codecs = new BoundedCodecs();
    for (CompressionCodecName codec :
        List.of(CompressionCodecName.ZSTD, CompressionCodecName.SNAPPY)) {
      byte[] packed = codecs.getCompressor(codec).compress(BytesInput.from(PAGE)).toByteArray();
      BytesInputDecompressor decompressor = codecs.getDecompressor(codec);
      assertArrayEquals(
          PAGE, decompressor.decompress(BytesInput.from(packed), PAGE.length).toByteArray());
      IOException refused =
          assertThrows(
              IOException.class,
              () -> decompressor.decompress(BytesInput.from(packed), Integer.MAX_VALUE));
      assertEquals("a page that claims 2147483647", refused.getMessage().substring(0, 29));
    }
  }
}
