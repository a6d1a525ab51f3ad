package dev.beit2.io.shard;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import org.apache.beam.sdk.coders.AtomicCoder;
import org.apache.beam.sdk.coders.CoderProvider;
import org.apache.beam.sdk.coders.CoderProviders;
import org.apache.beam.sdk.coders.StringUtf8Coder;
import org.apache.beam.sdk.values.TypeDescriptor;

/** Encodes the manifest as JSON. */
public final class ShardManifestCoder extends AtomicCoder<ShardManifest> {
  private static final long serialVersionUID = 1L;
  private static final ShardManifestCoder INSTANCE = new ShardManifestCoder();
  private static final StringUtf8Coder JSON = StringUtf8Coder.of();

  private ShardManifestCoder() {}

  public static ShardManifestCoder of() {
    return INSTANCE;
  }

  /** For Beam, which finds the coder through {@code @DefaultCoder}. */
  public static CoderProvider getCoderProvider() {
    return CoderProviders.forCoder(TypeDescriptor.of(ShardManifest.class), of());
  }

  @Override
  public void encode(ShardManifest manifest, OutputStream out) throws IOException {
    JSON.encode(manifest.toJson(), out);
  }

  @Override
  public ShardManifest decode(InputStream in) throws IOException {
    return ShardManifest.fromJson(JSON.decode(in));
  }

  @Override
  public boolean consistentWithEquals() {
    return true;
  }
}
