package dev.beit2.io.image;

import static java.util.Objects.requireNonNull;

import java.util.Arrays;
import java.util.Objects;
import javax.annotation.Nullable;
import org.apache.beam.sdk.coders.ByteArrayCoder;
import org.apache.beam.sdk.coders.Coder;
import org.apache.beam.sdk.coders.DelegateCoder;
import org.apache.beam.sdk.coders.DelegateCoder.CodingFunction;
import org.apache.beam.sdk.coders.KvCoder;
import org.apache.beam.sdk.coders.NullableCoder;
import org.apache.beam.sdk.coders.StringUtf8Coder;
import org.apache.beam.sdk.coders.VarIntCoder;
import org.apache.beam.sdk.values.KV;
import org.apache.beam.sdk.values.TypeDescriptor;

/**
 * An encoded image as it was found.
 *
 * @param key its path inside the set, '/'-separated; it does not depend on how the root's path is
 *     written
 * @param label the index of its class among the set's sorted classes, or null
 * @param bytes the file's content (JPEG, PNG, WebP, …); not to be changed
 */
@SuppressWarnings("ArrayRecordComponent") // Copying every image for immutability's sake is waste.
public record ImageRecord(String key, @Nullable Integer label, byte[] bytes) {
  public static final Coder<ImageRecord> CODER =
      DelegateCoder.of(
          KvCoder.of(
              KvCoder.of(StringUtf8Coder.of(), NullableCoder.of(VarIntCoder.of())),
              ByteArrayCoder.of()),
          ToKv.INSTANCE,
          FromKv.INSTANCE,
          TypeDescriptor.of(ImageRecord.class));

  public ImageRecord {
    requireNonNull(key, "key is null");
    requireNonNull(bytes, "bytes is null");
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof ImageRecord that
        && key.equals(that.key)
        && Objects.equals(label, that.label)
        && Arrays.equals(bytes, that.bytes);
  }

  @Override
  public int hashCode() {
    return Objects.hash(key, label, Arrays.hashCode(bytes));
  }

  @Override
  public String toString() {
    return "ImageRecord[key=" + key + ", label=" + label + ", bytes=" + bytes.length + "]";
  }

  // Enums, so that a coder equals its deserialized copy.
  private enum ToKv implements CodingFunction<ImageRecord, KV<KV<String, Integer>, byte[]>> {
    INSTANCE;

    @Override
    public KV<KV<String, Integer>, byte[]> apply(ImageRecord image) {
      return KV.of(KV.of(image.key, image.label), image.bytes);
    }
  }

  private enum FromKv implements CodingFunction<KV<KV<String, Integer>, byte[]>, ImageRecord> {
    INSTANCE;

    @Override
    public ImageRecord apply(KV<KV<String, Integer>, byte[]> kv) {
      return new ImageRecord(kv.getKey().getKey(), kv.getKey().getValue(), kv.getValue());
    }
  }
}
