package dev.beit2.model.mim;

import static java.util.Objects.requireNonNull;

import dev.beit2.model.vit.VitConfig;
import java.io.Serializable;

/**
 * The shape of a masked image model (paper, section 3.2).
 *
 * @param backbone the transformer that is kept
 * @param vocabulary codes that are predicted: the tokenizer's codebook size
 * @param earlyLayers blocks before the patch tokens leave for patch aggregation; 0 means no
 *     aggregation
 * @param headLayers aggregation blocks, dropped after pretraining
 * @param sharedHead whether both losses share one norm and head, as in the best result of the
 *     paper's ablation
 */
public record MimConfig(
    VitConfig backbone, int vocabulary, int earlyLayers, int headLayers, boolean sharedHead)
    implements Serializable {
  private static final long serialVersionUID = 1L;

  /**
   * Checks that the sizes are in reason and aggregation starts before the last block.
   *
   * @throws IllegalArgumentException if it does not
   */
  public MimConfig {
    requireNonNull(backbone, "backbone is null");
    VitConfig.requireSize("vocabulary", vocabulary, VitConfig.MOST_CODES);
    if (earlyLayers < 0
        || headLayers < 0
        || headLayers > VitConfig.DEEPEST
        || earlyLayers > backbone.depth()
        || (earlyLayers > 0) != (headLayers > 0)) {
      throw new IllegalArgumentException(
          "aggregation of %d blocks after block %d does not fit a backbone of %d"
              .formatted(headLayers, earlyLayers, backbone.depth()));
    }
  }

  /** Whether there is a patch aggregation loss. */
  public boolean aggregates() {
    return earlyLayers > 0;
  }
}
