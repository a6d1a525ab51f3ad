package dev.beit2.model.segment;

import dev.beit2.model.vit.VitConfig;
import java.io.Serializable;
import java.util.List;
import java.util.stream.Stream;

/**
 * The shape of a network that gives each pixel a class.
 *
 * @param backbone the transformer; at least {@value #LEAST_DEPTH} blocks, and patches of a multiple
 *     of 4 pixels on a grid of even size
 * @param classes that a pixel can have, 2 to {@value #MOST_CLASSES}
 * @param auxiliaryChannels width of the auxiliary head: 256 in the official configs
 */
public record SegmenterConfig(VitConfig backbone, int classes, int auxiliaryChannels)
    implements Serializable {
  private static final long serialVersionUID = 1L;

  /** The label of pixels that have no class (mmsegmentation's {@code ignore_index}). */
  public static final int IGNORED = 255;

  /** The most classes whose labels fit into a byte, beside {@link #IGNORED}. */
  public static final int MOST_CLASSES = 255;

  /** Fewer blocks do not have four places to tap. */
  public static final int LEAST_DEPTH = 4;

  /**
   * Checks that the sizes are in reason and fit together.
   *
   * @throws IllegalArgumentException if they are not
   */
  public SegmenterConfig {
    VitConfig.requireSize("classes", classes, MOST_CLASSES);
    VitConfig.requireSize("auxiliaryChannels", auxiliaryChannels, VitConfig.WIDEST);
    if (backbone.depth() < LEAST_DEPTH
        || backbone.patchSize() % 4 != 0
        || backbone.grid() % 2 != 0) {
      throw new IllegalArgumentException(
          "%d blocks on %d x %d patches of %d pixels; wanted at least %d blocks, an even number of patches along a side, and a multiple of 4 pixels"
              .formatted(
                  backbone.depth(),
                  backbone.grid(),
                  backbone.grid(),
                  backbone.patchSize(),
                  LEAST_DEPTH));
    }
  }

  /**
   * The blocks after which the tokens are tapped, from 0: after a third, a half, two thirds and all
   * of them. That is 3, 5, 7, 11 of 12 and 7, 11, 15, 23 of 24 blocks, as in the official configs.
   */
  public List<Integer> taps() {
    return Stream.of(1 / 3.0, 1 / 2.0, 2 / 3.0, 1.0)
        .map(part -> Math.toIntExact(Math.round(part * backbone.depth())) - 1)
        .toList();
  }
}
