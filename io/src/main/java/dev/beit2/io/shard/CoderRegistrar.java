package dev.beit2.io.shard;

import dev.beit2.io.image.ImageRecord;
import dev.beit2.io.image.RejectedImage;
import dev.beit2.io.image.View;
import java.util.List;
import org.apache.beam.sdk.coders.Coder;
import org.apache.beam.sdk.coders.CoderProvider;
import org.apache.beam.sdk.coders.CoderProviderRegistrar;
import org.apache.beam.sdk.coders.CoderProviders;

/**
 * Lets Beam infer the coders of the types that other pipelines use, here and in {@code io.image}.
 * Found by Beam through META-INF/services.
 */
public final class CoderRegistrar implements CoderProviderRegistrar {
  @Override
  public List<CoderProvider> getCoderProviders() {
    return List.of(
        provider(ImageRecord.CODER),
        provider(RejectedImage.CODER),
        provider(View.CODER),
        provider(MimExample.CODER),
        provider(ShardManifest.CODER),
        provider(FeatureRow.CODER),
        provider(FeatureManifest.CODER));
  }

  private static CoderProvider provider(Coder<?> coder) {
    return CoderProviders.forCoder(coder.getEncodedTypeDescriptor(), coder);
  }
}
