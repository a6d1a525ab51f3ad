package dev.beit2.io.image;

import dev.beit2.io.image.ImageFolder.Entry;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import org.apache.beam.sdk.coders.AtomicCoder;
import org.apache.beam.sdk.coders.Coder;
import org.apache.beam.sdk.coders.NullableCoder;
import org.apache.beam.sdk.coders.StringUtf8Coder;
import org.apache.beam.sdk.coders.VarIntCoder;

/** Key, label, path, one after the other. */
final class ImageEntryCoder extends AtomicCoder<Entry> {
  private static final long serialVersionUID = 1L;
  private static final Coder<String> TEXT = StringUtf8Coder.of();
  private static final Coder<Integer> LABEL = NullableCoder.of(VarIntCoder.of());

  @Override
  public void encode(Entry entry, OutputStream out) throws IOException {
    TEXT.encode(entry.key(), out);
    LABEL.encode(entry.label(), out);
    TEXT.encode(entry.path(), out);
  }

  @Override
  public Entry decode(InputStream in) throws IOException {
    return new Entry(TEXT.decode(in), LABEL.decode(in), TEXT.decode(in));
  }

  @Override
  public void verifyDeterministic() {}

  @Override
  public boolean consistentWithEquals() {
    return true;
  }
}
