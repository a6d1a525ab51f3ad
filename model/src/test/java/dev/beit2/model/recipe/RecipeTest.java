package dev.beit2.model.recipe;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.beit2.model.mim.BlockwiseMask;
import dev.beit2.model.mim.MimConfig;
import dev.beit2.model.tokenizer.VqKdConfig;
import dev.beit2.model.train.AdamWConfig;
import dev.beit2.model.vit.VitConfig;
import dev.beit2.model.vit.VitConfig.Positions;
import java.util.List;
import org.junit.jupiter.api.Test;

/** Pins every number, so that a default changes only on purpose. */
class RecipeTest {
  @Test
  void tokenizerPresets() {
    assertEquals(List.of("tiny", "base"), List.copyOf(TokenizerRecipe.PRESETS.keySet()));
    AdamWConfig adamW = new AdamWConfig(0.9, 0.99, 1e-8, 1e-4, 0);
    assertEquals(
        new TokenizerRecipe(
            new VitConfig(96, 16, 3, 192, 4, 3, 4, Positions.ABSOLUTE, 0, 0),
            1,
            256,
            32,
            0.9,
            1,
            adamW,
            150L,
            null,
            32,
            new MicroBatch(32, 32),
            5e-4,
            1e-6,
            1e-5,
            30L,
            null,
            50,
            0.2),
        TokenizerRecipe.of("tiny"));
    assertEquals(
        new TokenizerRecipe(
            new VitConfig(224, 16, 3, 768, 12, 12, 4, Positions.ABSOLUTE, 0, 0),
            3,
            8192,
            32,
            0.99,
            1,
            adamW,
            null,
            100.0,
            64,
            new MicroBatch(16, 64),
            6.25e-6,
            1e-6,
            1e-5,
            null,
            10.0,
            1000,
            0.08),
        TokenizerRecipe.of("base"));
  }

  @Test
  void pretrainingPresets() {
    assertEquals(List.of("tiny", "base", "large"), List.copyOf(PretrainingRecipe.PRESETS.keySet()));
    assertEquals(
        new PretrainingRecipe(
            new VitConfig(96, 16, 3, 192, 6, 3, 4, Positions.SHARED_RELATIVE, 0.1, 0),
            4,
            2,
            true,
            0,
            14,
            4,
            0.3,
            0.9,
            0.98,
            1e-8,
            0.05,
            3,
            700L,
            null,
            32,
            new MicroBatch(32, 32),
            1.5e-3,
            1e-6,
            1e-5,
            50L,
            null,
            100),
        PretrainingRecipe.of("tiny"));
    assertEquals(
        new PretrainingRecipe(
            new VitConfig(224, 16, 3, 768, 12, 12, 4, Positions.SHARED_RELATIVE, 0.1, 0),
            9,
            2,
            true,
            0,
            75,
            16,
            0.3,
            0.9,
            0.98,
            1e-8,
            0.05,
            3,
            null,
            300.0,
            64,
            new MicroBatch(16, 128),
            4.7e-5,
            1e-6,
            1e-5,
            null,
            10.0,
            1000),
        PretrainingRecipe.of("base"));
    assertEquals(
        new PretrainingRecipe(
            new VitConfig(224, 16, 3, 1024, 24, 16, 4, Positions.SHARED_RELATIVE, 1e-5, 0),
            21,
            2,
            true,
            0,
            75,
            16,
            0.3,
            0.9,
            0.98,
            1e-8,
            0.05,
            3,
            null,
            300.0,
            64,
            new MicroBatch(8, 32),
            4.7e-5,
            1e-6,
            1e-5,
            null,
            10.0,
            1000),
        PretrainingRecipe.of("large"));
    assertEquals(0.2, PretrainingRecipe.MIN_CROP_SCALE);
    assertEquals(0.4, PretrainingRecipe.COLOR_JITTER);
  }

  @Test
  void anUnknownPresetIsRefused() {
    assertEquals(
        "no preset huge; there are tiny, base, large",
        assertThrows(IllegalArgumentException.class, () -> PretrainingRecipe.of("huge"))
            .getMessage());
    assertEquals(
        "no preset large; there are tiny, base",
        assertThrows(IllegalArgumentException.class, () -> TokenizerRecipe.of("large"))
            .getMessage());
  }

  @Test
  void networks() {
    VqKdConfig tokenizer = TokenizerRecipe.BASE.network(100, 16, 512);
    assertEquals(
        new VitConfig(14, 1, 16, 768, 3, 12, 4, Positions.ABSOLUTE, 0, 0), tokenizer.decoder());
    assertEquals(
        new VqKdConfig(
            TokenizerRecipe.BASE.encoder(), tokenizer.decoder(), 100, 16, 512, 0.99, 1, 0),
        tokenizer);
    assertEquals(
        new MimConfig(PretrainingRecipe.LARGE.backbone(), 8192, 21, 2, true),
        PretrainingRecipe.LARGE.network(8192));
    assertEquals(new AdamWConfig(0.9, 0.98, 1e-8, 0.05, 3), PretrainingRecipe.BASE.optimizer());
    assertEquals(new BlockwiseMask(6, 10, 4, 0.3), PretrainingRecipe.TINY.mask(10));
  }

  @Test
  void deadCodesAreRevivedOnSmallDataSets() {
    assertEquals(10, TokenizerRecipe.reviveDeadCodesAfter(99_999));
    assertEquals(0, TokenizerRecipe.reviveDeadCodesAfter(100_000));
  }
}
