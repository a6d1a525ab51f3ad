package dev.beit2.io.shard;

import java.io.DataInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import org.apache.beam.sdk.coders.AtomicCoder;
import org.apache.beam.sdk.coders.Coder;
import org.apache.beam.sdk.coders.NullableCoder;
import org.apache.beam.sdk.coders.StringUtf8Coder;
import org.apache.beam.sdk.coders.VarIntCoder;
import org.apache.beam.sdk.values.TypeDescriptor;

/** Encodes key, label, the number of vectors, and of each vector its length and its bytes. */
final class FeatureRowCoder extends AtomicCoder<FeatureRow> {
  private static final long serialVersionUID = 1L;
  private static final Coder<String> TEXT = StringUtf8Coder.of();
  private static final Coder<Integer> INT = VarIntCoder.of();
  private static final Coder<Integer> LABEL = NullableCoder.of(INT);

  @Override
  public void encode(FeatureRow row, OutputStream out) throws IOException {
    TEXT.encode(row.key(), out);
    LABEL.encode(row.label(), out);
    INT.encode(row.vectors().size(), out);
    for (float[] vector : row.vectors()) {
      INT.encode(vector.length, out);
      ByteBuffer bytes = ByteBuffer.allocate(vector.length * Float.BYTES);
      bytes.asFloatBuffer().put(vector);
      out.write(bytes.array());
    }
  }

  @Override
  public FeatureRow decode(InputStream in) throws IOException {
    String key = TEXT.decode(in);
    Integer label = LABEL.decode(in);
    int count = INT.decode(in);
    List<float[]> vectors = new ArrayList<>(count);
    for (int i = 0; i < count; i++) {
      byte[] bytes = new byte[INT.decode(in) * Float.BYTES];
      new DataInputStream(in).readFully(bytes);
      float[] vector = new float[bytes.length / Float.BYTES];
      ByteBuffer.wrap(bytes).asFloatBuffer().get(vector);
      vectors.add(vector);
    }
    return new FeatureRow(key, label, vectors);
  }

  @Override
  public boolean consistentWithEquals() {
    return true;
  }

  @Override
  public TypeDescriptor<FeatureRow> getEncodedTypeDescriptor() {
    return TypeDescriptor.of(FeatureRow.class);
  }
}
