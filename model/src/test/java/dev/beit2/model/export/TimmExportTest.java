package dev.beit2.model.export;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.djl.ndarray.NDArray;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.beit2.model.checkpoint.Safetensors;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Names and shapes are compared with those that timm's own network lists. */
class TimmExportTest {
  @TempDir Path folder;

  private Map<String, Path> export(Golden golden) throws IOException {
    Path to = Files.createDirectory(folder.resolve("timm"));
    return Golden.write(ExportFormat.TIMM.export(golden.model(), 73), to);
  }

  private static JsonNode config(Map<String, Path> files) throws IOException {
    return new ObjectMapper().readTree(files.get("config.json").toFile());
  }

  @Test
  void aBackboneHasTimmsNamesAndTheSharedTableInEachBlock() throws IOException {
    try (Golden golden = Golden.mim(folder)) {
      Map<String, Path> files = export(golden);
      try (Safetensors written = Golden.read(files.get("model.safetensors"))) {
        assertEquals(Golden.wanted("timm-mim"), Golden.shapes(written));
        assertEquals(Map.of("format", "pt"), written.metadata());
        NDArray table = golden.parameters().get("rel_pos_bias.relative_position_bias_table");
        written
            .tensors()
            .tensors()
            .forEach(
                (name, tensor) ->
                    assertEquals(
                        name.endsWith("relative_position_bias_table")
                            ? table
                            : golden.parameters().get(name),
                        tensor,
                        name));
      }
      JsonNode config = config(files);
      assertEquals("token", config.get("model_args").get("global_pool").asText());
      assertEquals(0, config.get("num_classes").asInt());
      assertEquals(4, config.get("model_args").get("depth").asInt());
      assertEquals(64.0 / 73, config.get("pretrained_cfg").get("crop_pct").asDouble());
    }
  }

  @Test
  void aClassifierHasItsHeadAndItsOwnTables() throws IOException {
    try (Golden golden = Golden.classifier(folder)) {
      Map<String, Path> files = export(golden);
      try (Safetensors written = Golden.read(files.get("model.safetensors"))) {
        assertEquals(Golden.wanted("timm-classifier"), Golden.shapes(written));
        written
            .tensors()
            .tensors()
            .forEach((name, tensor) -> assertEquals(golden.parameters().get(name), tensor, name));
      }
      JsonNode config = config(files);
      assertEquals("avg", config.get("model_args").get("global_pool").asText());
      assertEquals(10, config.get("num_classes").asInt());
    }
  }

  @Test
  void aNormAndHeadOfPatchAggregationStayBehind() throws IOException {
    try (Golden golden = Golden.separateHead(folder)) {
      List<String> names = List.copyOf(BackboneTensors.withOwnTables(golden.model()).keySet());
      assertTrue(names.stream().noneMatch(name -> name.contains("cls_pt")), names.toString());
      assertTrue(names.contains("norm.weight"), names.toString());
    }
  }

  /** timm resizes the shorter side to floor(side / crop_pct). */
  @Test
  void theCropFractionGivesTheShorterSide() {
    for (int side = 16; side <= 1024; side += 16) {
      int shorter = (int) Math.rint(side * 256 / 224.0);
      assertEquals(shorter, (int) Math.floor(side / TimmExport.cropFraction(side, shorter)));
    }
    assertEquals(0.875, TimmExport.cropFraction(224, 256));
  }
}
