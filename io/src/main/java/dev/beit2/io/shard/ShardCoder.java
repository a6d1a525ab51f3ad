package dev.beit2.io.shard;

import dev.beit2.io.shard.ShardManifest.Shard;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import org.apache.beam.sdk.coders.AtomicCoder;
import org.apache.beam.sdk.coders.StringUtf8Coder;
import org.apache.beam.sdk.coders.VarLongCoder;

/** Encodes file, rows, bytes and crc32c, in this order. */
final class ShardCoder extends AtomicCoder<Shard> {
  private static final long serialVersionUID = 1L;
  private static final StringUtf8Coder TEXT = StringUtf8Coder.of();
  private static final VarLongCoder LONG = VarLongCoder.of();

  @Override
  public void encode(Shard shard, OutputStream out) throws IOException {
    TEXT.encode(shard.file(), out);
    LONG.encode(shard.rows(), out);
    LONG.encode(shard.bytes(), out);
    TEXT.encode(shard.crc32c(), out);
  }

  @Override
  public Shard decode(InputStream in) throws IOException {
    return new Shard(TEXT.decode(in), LONG.decode(in), LONG.decode(in), TEXT.decode(in));
  }

  @Override
  public boolean consistentWithEquals() {
    return true;
  }
}
