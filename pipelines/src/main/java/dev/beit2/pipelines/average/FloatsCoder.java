package dev.beit2.pipelines.average;

import java.io.DataInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import org.apache.beam.sdk.coders.AtomicCoder;

/** Encodes values of a tensor: their number, then four little-endian bytes per value. */
final class FloatsCoder extends AtomicCoder<float[]> {
  private static final long serialVersionUID = 1L;
  private static final FloatsCoder INSTANCE = new FloatsCoder();

  private FloatsCoder() {}

  static FloatsCoder of() {
    return INSTANCE;
  }

  @Override
  public void encode(float[] values, OutputStream out) throws IOException {
    ByteBuffer bytes =
        ByteBuffer.allocate(Integer.BYTES + Float.BYTES * values.length)
            .order(ByteOrder.LITTLE_ENDIAN);
    bytes.putInt(values.length).asFloatBuffer().put(values);
    out.write(bytes.array());
  }

  @Override
  public float[] decode(InputStream in) throws IOException {
    DataInputStream data = new DataInputStream(in);
    float[] values = new float[Integer.reverseBytes(data.readInt())];
    byte[] bytes = new byte[Float.BYTES * values.length];
    data.readFully(bytes);
    ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).asFloatBuffer().get(values);
    return values;
  }
}
