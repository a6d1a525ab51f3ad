package dev.beit2.io.shard;

import dev.beit2.io.image.View;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.util.ArrayList;
import java.util.List;
import org.apache.beam.sdk.coders.AtomicCoder;
import org.apache.beam.sdk.coders.ByteArrayCoder;
import org.apache.beam.sdk.coders.Coder;
import org.apache.beam.sdk.coders.NullableCoder;
import org.apache.beam.sdk.coders.StringUtf8Coder;
import org.apache.beam.sdk.coders.VarIntCoder;

/**
 * Encodes the components in their order. The views are their number, then each view and its codes.
 * Every image of a set passes here, so this is written by hand: six components would be five nested
 * key-value pairs.
 */
final class MimExampleCoder extends AtomicCoder<MimExample> {
  private static final long serialVersionUID = 1L;
  private static final Coder<String> TEXT = StringUtf8Coder.of();
  private static final Coder<Integer> INT = VarIntCoder.of();
  private static final Coder<Integer> LABEL = NullableCoder.of(INT);
  private static final Coder<byte[]> BYTES = ByteArrayCoder.of();
  private static final Coder<View> VIEW = View.CODER;

  @Override
  public void encode(MimExample example, OutputStream out) throws IOException {
    TEXT.encode(example.key(), out);
    LABEL.encode(example.label(), out);
    INT.encode(example.width(), out);
    INT.encode(example.height(), out);
    BYTES.encode(example.jpeg(), out);
    INT.encode(example.views().size(), out);
    for (EncodedView encoded : example.views()) {
      VIEW.encode(encoded.view(), out);
      BYTES.encode(encoded.codes(), out);
    }
  }

  @Override
  public MimExample decode(InputStream in) throws IOException {
    String key = TEXT.decode(in);
    Integer label = LABEL.decode(in);
    int width = INT.decode(in);
    int height = INT.decode(in);
    byte[] jpeg = BYTES.decode(in);
    int count = INT.decode(in);
    List<EncodedView> views = new ArrayList<>(count);
    for (int i = 0; i < count; i++) {
      views.add(new EncodedView(VIEW.decode(in), BYTES.decode(in)));
    }
    return new MimExample(key, label, width, height, jpeg, views);
  }

  @Override
  public boolean consistentWithEquals() {
    return true;
  }
}
