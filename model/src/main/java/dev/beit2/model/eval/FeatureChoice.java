package dev.beit2.model.eval;

import java.io.Serializable;

/**
 * What {@link Backbone#vectors} computes besides [CLS] and the mean of the patch tokens.
 *
 * @param patches all patch tokens
 * @param blocks the outputs of all blocks, pooled
 */
public record FeatureChoice(boolean patches, boolean blocks) implements Serializable {
  private static final long serialVersionUID = 1L;

  /** Nothing else. */
  public static final FeatureChoice POOLED = new FeatureChoice(false, false);
}
