package dev.beit2.io.image;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import org.apache.beam.sdk.coders.AtomicCoder;
import org.apache.beam.sdk.coders.CoderProvider;
import org.apache.beam.sdk.coders.CoderProviders;
import org.apache.beam.sdk.coders.StringUtf8Coder;
import org.apache.beam.sdk.values.TypeDescriptor;

/** Encodes the key, then the reason. */
public final class RejectedImageCoder extends AtomicCoder<RejectedImage> {
  private static final long serialVersionUID = 1L;
  private static final RejectedImageCoder INSTANCE = new RejectedImageCoder();
  private static final StringUtf8Coder TEXT = StringUtf8Coder.of();

  private RejectedImageCoder() {}

  public static RejectedImageCoder of() {
    return INSTANCE;
  }

  /** For Beam, which finds the coder through {@code @DefaultCoder}. */
  public static CoderProvider getCoderProvider() {
    return CoderProviders.forCoder(TypeDescriptor.of(RejectedImage.class), of());
  }

  @Override
  public void encode(RejectedImage image, OutputStream out) throws IOException {
    TEXT.encode(image.key(), out);
    TEXT.encode(image.reason(), out);
  }

  @Override
  public RejectedImage decode(InputStream in) throws IOException {
    return new RejectedImage(TEXT.decode(in), TEXT.decode(in));
  }

  @Override
  public boolean consistentWithEquals() {
    return true;
  }
}
