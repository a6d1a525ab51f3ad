package dev.beit2.pipelines.eval;

import static java.util.Objects.requireNonNull;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Objects;
import org.apache.beam.sdk.coders.Coder;
import org.apache.beam.sdk.coders.DelegateCoder;
import org.apache.beam.sdk.coders.DelegateCoder.CodingFunction;
import org.apache.beam.sdk.coders.FloatCoder;
import org.apache.beam.sdk.coders.KvCoder;
import org.apache.beam.sdk.coders.ListCoder;
import org.apache.beam.sdk.coders.StringUtf8Coder;
import org.apache.beam.sdk.coders.VarIntCoder;
import org.apache.beam.sdk.values.KV;

/**
 * The features of an image.
 *
 * @param key the image's
 * @param label its class
 * @param features for each backbone its [CLS] feature and then the mean of its patch features, each
 *     {@code [D]}
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

  /** Encodes an image's features. */
  static final Coder<ImageFeatures> CODER =
      DelegateCoder.of(
          KvCoder.of(
              KvCoder.of(StringUtf8Coder.of(), VarIntCoder.of()),
              ListCoder.of(ListCoder.of(FloatCoder.of()))),
          ToKv.INSTANCE,
          FromKv.INSTANCE);

  // Enums, so that a coder equals its deserialized copy.
  private enum ToKv
      implements CodingFunction<ImageFeatures, KV<KV<String, Integer>, List<List<Float>>>> {
    INSTANCE;

    @Override
    public KV<KV<String, Integer>, List<List<Float>>> apply(ImageFeatures image) {
      return KV.of(KV.of(image.key(), image.label()), lists(image.features()));
    }
  }

  private enum FromKv
      implements CodingFunction<KV<KV<String, Integer>, List<List<Float>>>, ImageFeatures> {
    INSTANCE;

    @Override
    public ImageFeatures apply(KV<KV<String, Integer>, List<List<Float>>> kv) {
      return new ImageFeatures(kv.getKey().getKey(), kv.getKey().getValue(), arrays(kv.getValue()));
    }
  }

  private static List<List<Float>> lists(List<float[]> arrays) {
    List<List<Float>> lists = new ArrayList<>();
    for (float[] array : arrays) {
      List<Float> list = new ArrayList<>(array.length);
      for (float value : array) {
        list.add(value);
      }
      lists.add(list);
    }
    return lists;
  }

  private static List<float[]> arrays(List<List<Float>> lists) {
    List<float[]> arrays = new ArrayList<>();
    for (List<Float> list : lists) {
      float[] array = new float[list.size()];
      for (int i = 0; i < array.length; i++) {
        array[i] = list.get(i);
      }
      arrays.add(array);
    }
    return arrays;
  }
}
