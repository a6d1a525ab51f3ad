package dev.beit2.model.checkpoint;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;

import dev.beit2.model.mim.MimConfig;
import dev.beit2.model.tokenizer.VqKdConfig;
import dev.beit2.model.vit.VitConfig;
import dev.beit2.model.vit.VitConfig.Positions;
import java.io.IOException;
import java.util.Map;
import org.junit.jupiter.api.Test;

/**
 * Pins the JSON of configs. A run continues only from a checkpoint with exactly the same text, so
 * another name, order or format of a number would lock out old checkpoints.
 */
class ModelMetadataTest {
  private static final MimConfig MIM =
      new MimConfig(
          new VitConfig(64, 16, 3, 48, 3, 3, 4, Positions.SHARED_RELATIVE, 1e-5, 0.3),
          32,
          2,
          1,
          true);
  private static final String MIM_JSON =
      "{\"backbone\":{\"imageSize\":64,\"patchSize\":16,\"channels\":3,\"dim\":48,\"depth\":3,"
          + "\"heads\":3,\"mlpRatio\":4.0,\"positions\":\"SHARED_RELATIVE\",\"layerScale\":1.0E-5,"
          + "\"dropPath\":0.3},\"vocabulary\":32,\"earlyLayers\":2,\"headLayers\":1,"
          + "\"sharedHead\":true}";
  private static final VitConfig ENCODER =
      new VitConfig(64, 16, 3, 48, 2, 3, 4, Positions.ABSOLUTE, 0, 0);
  private static final VqKdConfig VQKD =
      new VqKdConfig(ENCODER, ENCODER.withInput(4, 1, 16).withDepth(1), 64, 16, 108, 0.99, 1, 2);
  private static final String VQKD_JSON =
      "{\"encoder\":{\"imageSize\":64,\"patchSize\":16,\"channels\":3,\"dim\":48,\"depth\":2,"
          + "\"heads\":3,\"mlpRatio\":4.0,\"positions\":\"ABSOLUTE\",\"layerScale\":0.0,"
          + "\"dropPath\":0.0},\"decoder\":{\"imageSize\":4,\"patchSize\":1,\"channels\":16,"
          + "\"dim\":48,\"depth\":1,\"heads\":3,\"mlpRatio\":4.0,\"positions\":\"ABSOLUTE\","
          + "\"layerScale\":0.0,\"dropPath\":0.0},\"codebookSize\":64,\"codeDimension\":16,"
          + "\"teacherDimension\":108,\"decay\":0.99,\"beta\":1.0,\"reviveDeadCodesAfter\":2}";

  @Test
  void jsonOfConfigsIsPinned() {
    assertEquals(Map.of("kind", "mim", "config", MIM_JSON), ModelMetadata.of("mim", MIM).toMap());
    assertEquals(
        Map.of("kind", "vqkd", "config", VQKD_JSON), ModelMetadata.of("vqkd", VQKD).toMap());
  }

  @Test
  void configsAreRead() throws IOException {
    ModelMetadata mim = ModelMetadata.of(Map.of("kind", "mim", "config", MIM_JSON));
    assertEquals(MIM, mim.config("mim", "a masked image model", MimConfig.class));
    ModelMetadata vqkd = ModelMetadata.of(Map.of("kind", "vqkd", "config", VQKD_JSON));
    assertEquals(VQKD, vqkd.config("vqkd", "a tokenizer", VqKdConfig.class));
  }

  /** Files that say nothing of grey images have no entry. */
  @Test
  void theRangeOfGreyImagesIsKept() {
    ModelMetadata grey = ModelMetadata.of("vqkd", VQKD).withGreyRange("0,4095");
    assertEquals(Map.of("kind", "vqkd", "config", VQKD_JSON, "greyRange", "0,4095"), grey.toMap());
    assertEquals(grey, ModelMetadata.of(grey.toMap()));
  }

  @Test
  void otherFilesAreRefused() {
    assertRefused("found a model of kind null; wanted a tokenizer (vqkd)", Map.of());
    assertRefused(
        "found a model of kind mim; wanted a tokenizer (vqkd)",
        Map.of("kind", "mim", "config", MIM_JSON));
    assertRefused("found a model without a config; wanted a tokenizer", Map.of("kind", "vqkd"));
  }

  private static void assertRefused(String message, Map<String, String> metadata) {
    ModelMetadata file = ModelMetadata.of(metadata);
    IOException refused =
        assertThrows(IOException.class, () -> file.config("vqkd", "a tokenizer", VqKdConfig.class));
    assertEquals(message, refused.getMessage());
  }
}
