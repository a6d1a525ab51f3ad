package dev.beit2.io.image;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import org.apache.beam.sdk.coders.AtomicCoder;
import org.apache.beam.sdk.coders.ByteArrayCoder;
import org.apache.beam.sdk.coders.Coder;
import org.apache.beam.sdk.coders.CoderProvider;
import org.apache.beam.sdk.coders.CoderProviders;
import org.apache.beam.sdk.coders.NullableCoder;
import org.apache.beam.sdk.coders.StringUtf8Coder;
import org.apache.beam.sdk.coders.VarIntCoder;
import org.apache.beam.sdk.values.TypeDescriptor;

/** Encodes the key, the label and the bytes, in this order. */
public final class ImageRecordCoder extends AtomicCoder<ImageRecord> {
  private static final long serialVersionUID = 1L;
  private static final ImageRecordCoder INSTANCE = new ImageRecordCoder();
  private static final Coder<String> KEY = StringUtf8Coder.of();
  private static final Coder<Integer> LABEL = NullableCoder.of(VarIntCoder.of());
  private static final Coder<byte[]> BYTES = ByteArrayCoder.of();

  private ImageRecordCoder() {}

  public static ImageRecordCoder of() {
    return INSTANCE;
  }

  /** For Beam, which finds the coder through {@code @DefaultCoder}. */
  public static CoderProvider getCoderProvider() {
    return CoderProviders.forCoder(TypeDescriptor.of(ImageRecord.class), of());
  }

  @Override
  public void encode(ImageRecord record, OutputStream out) throws IOException {
    KEY.encode(record.key(), out);
    LABEL.encode(record.label(), out);
    BYTES.encode(record.bytes(), out);
  }

  @Override
  public ImageRecord decode(InputStream in) throws IOException {
    return new ImageRecord(KEY.decode(in), LABEL.decode(in), BYTES.decode(in));
  }

  @Override
  public boolean consistentWithEquals() {
    return true;
  }
}
