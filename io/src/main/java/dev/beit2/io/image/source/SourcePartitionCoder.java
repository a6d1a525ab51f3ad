package dev.beit2.io.image.source;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import org.apache.beam.sdk.coders.AtomicCoder;
import org.apache.beam.sdk.coders.BooleanCoder;
import org.apache.beam.sdk.coders.Coder;
import org.apache.beam.sdk.coders.NullableCoder;
import org.apache.beam.sdk.coders.StringUtf8Coder;
import org.apache.beam.sdk.coders.VarIntCoder;
import org.apache.beam.sdk.coders.VarLongCoder;

/** Encodes the components of a partition in their order. */
final class SourcePartitionCoder extends AtomicCoder<SourcePartition> {
  private static final long serialVersionUID = 1L;
  private static final Coder<String> TEXT = StringUtf8Coder.of();
  private static final Coder<Long> LONG = VarLongCoder.of();
  private static final Coder<Integer> LABEL = NullableCoder.of(VarIntCoder.of());
  private static final Coder<Boolean> FLAG = BooleanCoder.of();

  @Override
  public void encode(SourcePartition partition, OutputStream out) throws IOException {
    TEXT.encode(partition.name(), out);
    TEXT.encode(partition.file(), out);
    LONG.encode(partition.start(), out);
    LONG.encode(partition.end(), out);
    LABEL.encode(partition.label(), out);
    FLAG.encode(partition.large(), out);
  }

  @Override
  public SourcePartition decode(InputStream in) throws IOException {
    return new SourcePartition(
        TEXT.decode(in),
        TEXT.decode(in),
        LONG.decode(in),
        LONG.decode(in),
        LABEL.decode(in),
        FLAG.decode(in));
  }

  @Override
  public boolean consistentWithEquals() {
    return true;
  }
}
