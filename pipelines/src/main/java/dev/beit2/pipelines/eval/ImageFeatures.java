package dev.beit2.pipelines.eval;

import static java.util.Objects.requireNonNull;

import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import org.apache.beam.sdk.coders.AtomicCoder;
import org.apache.beam.sdk.coders.Coder;
import org.apache.beam.sdk.coders.FloatCoder;
import org.apache.beam.sdk.coders.StringUtf8Coder;
import org.apache.beam.sdk.coders.VarIntCoder;

/**
 * What backbones say of an image.
 *
 * @param key the image's
 * @param label its class
 * @param features of each backbone [CLS] and the mean of the patches, one after the other, each [D]
 */
record ImageFeatures(String key, int label, List<float[]> features) {
  ImageFeatures {
    requireNonNull(key, "key is null");
    features = List.copyOf(features);
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof ImageFeatures that
        && key.equals(that.key)
        && label == that.label
        && Arrays.deepEquals(features.toArray(), that.features.toArray());
  }

  @Override
  public int hashCode() {
    return Objects.hash(key, label, Arrays.deepHashCode(features.toArray()));
  }

  /** Key, label, number of features, each as its length and numbers. */
  static final class FeaturesCoder extends AtomicCoder<ImageFeatures> {
    private static final long serialVersionUID = 1L;
    private static final Coder<String> TEXT = StringUtf8Coder.of();
    private static final Coder<Integer> INT = VarIntCoder.of();
    private static final Coder<Float> FLOAT = FloatCoder.of();

    @Override
    public void encode(ImageFeatures image, OutputStream out) throws IOException {
      TEXT.encode(image.key(), out);
      INT.encode(image.label(), out);
      INT.encode(image.features().size(), out);
      for (float[] feature : image.features()) {
        INT.encode(feature.length, out);
        for (float value : feature) {
          FLOAT.encode(value, out);
        }
      }
    }

    @Override
    public ImageFeatures decode(InputStream in) throws IOException {
      String key = TEXT.decode(in);
      int label = INT.decode(in);
      float[][] features = new float[INT.decode(in)][];
      for (int i = 0; i < features.length; i++) {
        features[i] = new float[INT.decode(in)];
        for (int j = 0; j < features[i].length; j++) {
          features[i][j] = FLOAT.decode(in);
        }
      }
      return new ImageFeatures(key, label, Arrays.asList(features));
    }

    @Override
    public void verifyDeterministic() {}

    @Override
    public boolean consistentWithEquals() {
      return true;
    }
  }
}
