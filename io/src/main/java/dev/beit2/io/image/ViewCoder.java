package dev.beit2.io.image;

import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import org.apache.beam.sdk.coders.AtomicCoder;
import org.apache.beam.sdk.coders.VarIntCoder;

/**
 * Encodes the components in their order: the box as variable-length integers, the rest at fixed
 * size. Shuffles and shards' temporary files hold several views per image, so this is written by
 * hand: small, exact, and without an object for each component.
 */
final class ViewCoder extends AtomicCoder<View> {
  private static final long serialVersionUID = 1L;
  private static final VarIntCoder INT = VarIntCoder.of();

  @Override
  public void encode(View view, OutputStream out) throws IOException {
    INT.encode(view.left(), out);
    INT.encode(view.top(), out);
    INT.encode(view.width(), out);
    INT.encode(view.height(), out);
    DataOutputStream data = new DataOutputStream(out);
    data.writeBoolean(view.flip());
    data.writeFloat(view.brightness());
    data.writeFloat(view.contrast());
    data.writeFloat(view.saturation());
    data.writeByte(view.jitterOrder());
    data.flush();
  }

  @Override
  public View decode(InputStream in) throws IOException {
    int left = INT.decode(in);
    int top = INT.decode(in);
    int width = INT.decode(in);
    int height = INT.decode(in);
    DataInputStream data = new DataInputStream(in);
    return new View(
        left,
        top,
        width,
        height,
        data.readBoolean(),
        data.readFloat(),
        data.readFloat(),
        data.readFloat(),
        data.readByte());
  }

  @Override
  public boolean consistentWithEquals() {
    return true;
  }
}
