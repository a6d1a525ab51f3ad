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

/** The components of a part, one after the other. */
final class PartCoder extends AtomicCoder<Part> {
  private static final long serialVersionUID = 1L;
  private static final Coder<String> TEXT = StringUtf8Coder.of();
  private static final Coder<Long> LONG = VarLongCoder.of();
  private static final Coder<Integer> LABEL = NullableCoder.of(VarIntCoder.of());
  private static final Coder<Boolean> FLAG = BooleanCoder.of();

  @Override
  public void encode(Part part, OutputStream out) throws IOException {
    TEXT.encode(part.name(), out);
    TEXT.encode(part.file(), out);
    LONG.encode(part.start(), out);
    LONG.encode(part.end(), out);
    LABEL.encode(part.label(), out);
    FLAG.encode(part.large(), out);
  }

  @Override
  public Part decode(InputStream in) throws IOException {
    return new Part(
        TEXT.decode(in),
        TEXT.decode(in),
        LONG.decode(in),
        LONG.decode(in),
        LABEL.decode(in),
        FLAG.decode(in));
  }

  @Override
  public void verifyDeterministic() {}

  @Override
  public boolean consistentWithEquals() {
    return true;
  }
}
