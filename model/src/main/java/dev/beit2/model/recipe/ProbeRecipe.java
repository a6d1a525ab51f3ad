package dev.beit2.model.recipe;

import dev.beit2.model.eval.ProbeConfig.Optimizer;
import java.util.Map;

/**
 * Hyper-parameters of linear probes.
 *
 * @param vectors of the features, by name; {@code blocks} stands for those of all blocks
 * @param learningRates for a batch of 256 images; another batch scales them in proportion
 * @param optimizer of the heads
 * @param weightDecay of weights and biases
 * @param epochs over the training images
 * @param batchSize images per step
 */
public record ProbeRecipe(
    String vectors,
    String learningRates,
    Optimizer optimizer,
    double weightDecay,
    int epochs,
    int batchSize) {
  /** Ours: the representations of the paper's section 3.2, with rates around the official one. */
  private static final ProbeRecipe GRID =
      new ProbeRecipe(
          "cls,mean", "0.0001,0.0003,0.001,0.003,0.01,0.03,0.1", Optimizer.ADAMW, 1e-4, 100, 256);

  /**
   * {@code run_linear_eval.py} of BEiT v1, which is the only official one: a head on the output of
   * each block. To these comes [CLS] after the last norm, as BEiT v2 uses it.
   */
  private static final ProbeRecipe BEIT =
      new ProbeRecipe("blocks,cls", "0.001", Optimizer.ADAMW, 1e-4, 100, 1024);

  /** The recipes by preset. */
  public static final Map<String, ProbeRecipe> PRESETS =
      Presets.inOrder(Map.entry("grid", GRID), Map.entry("beit", BEIT));
}
