package dev.beit2.model.vit;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.beit2.model.mim.MaskedImageModel;
import dev.beit2.model.mim.MimConfig;
import dev.beit2.model.recipe.PretrainingRecipe;
import dev.beit2.model.recipe.TokenizerRecipe;
import dev.beit2.model.tokenizer.VqKd;
import dev.beit2.model.tokenizer.VqKdConfig;
import dev.beit2.model.torch.StateDict;
import java.util.Arrays;
import org.junit.jupiter.api.Test;

/** The official code's distributions, by their moments. */
class InitializationTest {
  // The standard deviation of a normal distribution truncated at one standard deviation.
  private static final double TRUNCATED_AT_ONE = 0.5396;

  private static double std(StateDict state, String name) {
    float[] values = state.get(name).toFloatArray();
    double sum = 0;
    for (float value : values) {
      sum += value * value;
    }
    return Math.sqrt(sum / values.length);
  }

  private static double largest(StateDict state, String name) {
    float most = 0;
    for (float value : state.get(name).toFloatArray()) {
      most = Math.max(most, Math.abs(value));
    }
    return most;
  }

  @Test
  void maskedImageModelIsTruncatedAtOneStandardDeviation() {
    try (StateDict state = MaskedImageModel.initialize(PretrainingRecipe.TINY.network(256), 1)) {
      assertEquals(0.02 * TRUNCATED_AT_ONE, std(state, "blocks.2.attn.qkv.weight"), 2e-4);
      assertEquals(0.02 * TRUNCATED_AT_ONE, std(state, "patch_embed.proj.weight"), 2e-4);
      assertTrue(largest(state, "blocks.2.attn.qkv.weight") <= 0.02f);
      // Layers that write to the residual stream start smaller with depth.
      assertEquals(
          0.02 * TRUNCATED_AT_ONE / Math.sqrt(6), std(state, "blocks.2.mlp.fc2.weight"), 2e-4);
      assertEquals(0.1f, state.get("blocks.0.gamma_1").getFloat(0));
      assertEquals(0, largest(state, "rel_pos_bias.relative_position_bias_table"));
    }
  }

  @Test
  void aggregationBlocksHavePyTorchsDefault() {
    try (StateDict state = MaskedImageModel.initialize(PretrainingRecipe.TINY.network(256), 1)) {
      double uniform = 1 / Math.sqrt(3 * 192);
      assertEquals(uniform, std(state, "cls_pt_layers.0.attn.qkv.weight"), 0.02 * uniform);
      assertEquals(
          uniform / Math.sqrt(2 * 5),
          std(state, "cls_pt_layers.0.attn.proj.weight"),
          0.02 * uniform);
      assertEquals(uniform, std(state, "cls_pt_layers.1.mlp.fc1.bias"), 0.1 * uniform);
    }
  }

  @Test
  void tokenizerIsNormalExceptItsPatchEmbedding() {
    VqKdConfig config = TokenizerRecipe.TINY.network(108);
    try (StateDict state = VqKd.initialize(config, 1)) {
      assertEquals(0.02, std(state, "encoder.blocks.1.mlp.fc1.weight"), 2e-4);
      assertTrue(largest(state, "encoder.blocks.1.mlp.fc1.weight") > 0.06);
      double uniform = 1 / Math.sqrt(3 * 768);
      assertEquals(uniform, std(state, "encoder.patch_embed.proj.weight"), 0.02 * uniform);
      assertEquals(0, largest(state, "quantize.embedding.initted"));
    }
  }

  @Test
  void valuesDependOnSeedAndName() {
    MimConfig config = PretrainingRecipe.TINY.network(64);
    try (StateDict one = MaskedImageModel.initialize(config, 1);
        StateDict same = MaskedImageModel.initialize(config, 1);
        StateDict other = MaskedImageModel.initialize(config, 2)) {
      float[] values = one.get("blocks.0.attn.proj.weight").toFloatArray();
      assertArrayEquals(values, same.get("blocks.0.attn.proj.weight").toFloatArray());
      assertFalse(Arrays.equals(values, other.get("blocks.0.attn.proj.weight").toFloatArray()));
      assertFalse(
          Arrays.equals(one.get("cls_token").toFloatArray(), one.get("mask_token").toFloatArray()));
    }
  }
}
