package dev.beit2.model.segment;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import java.util.SplittableRandom;
import javax.annotation.Nullable;

/**
 * Dropout of whole channels (PyTorch's {@code Dropout2d}): those that stay are scaled up to keep
 * the mean.
 */
public interface ChannelDropout {
  /** Nothing is dropped. */
  ChannelDropout NONE = (manager, head, batch, channels) -> null;

  /** Factors [B, C, 1, 1] of a head's input, 0 or 1 / (1 − rate); null if nothing is dropped. */
  @Nullable
  NDArray keep(NDManager manager, String head, int batch, int channels);

  /**
   * Factors that depend only on the seed, the step, the head's name and the sample's number.
   *
   * @param rate probability with which a channel is dropped, in [0, 1)
   * @param first index in the batch of the first sample of the micro-batch
   */
  static ChannelDropout random(double rate, long seed, long step, int first) {
    if (rate == 0) {
      return NONE;
    }
    return (manager, head, batch, channels) -> {
      float[] factors = new float[batch * channels];
      for (int sample = 0; sample < batch; sample++) {
        // SplittableRandom mixes its seed.
        long ofSample = (step * 31 + head.hashCode()) * 0xBF58476D1CE4E5B9L + first + sample;
        SplittableRandom random = new SplittableRandom(seed * 0x9E3779B97F4A7C15L + ofSample);
        for (int channel = 0; channel < channels; channel++) {
          boolean dropped = random.nextDouble() < rate;
          factors[sample * channels + channel] = dropped ? 0 : (float) (1 / (1 - rate));
        }
      }
      return manager.create(factors, new Shape(batch, channels, 1, 1));
    };
  }
}
