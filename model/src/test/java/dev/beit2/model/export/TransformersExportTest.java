package dev.beit2.model.export;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import ai.djl.ndarray.NDArray;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.beit2.model.checkpoint.Safetensors;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Names and shapes are compared with those that the classes of transformers 4 list. */
class TransformersExportTest {
  private static final int SHORTER_SIDE = 73;

  @TempDir Path folder;

  private Map<String, Path> export(Golden golden, ExportFormat format) throws IOException {
    Path to = Files.createDirectory(folder.resolve("out"));
    return Golden.write(format.export(golden.model(), SHORTER_SIDE), to);
  }

  private static JsonNode json(Path file) throws IOException {
    return new ObjectMapper().readTree(file.toFile());
  }

  /** Checks names and shapes, and the values of tensors that have kept their shape. */
  private static void assertClass(
      String name, Golden golden, Map<String, Path> files, Map<String, String> some)
      throws IOException {
    try (Safetensors written = Golden.read(files.get("model.safetensors"))) {
      assertEquals(Golden.wanted("transformers-" + name), Golden.shapes(written));
      assertEquals(Map.of("format", "pt"), written.metadata());
      some.forEach(
          (official, theirs) ->
              assertEquals(
                  golden.parameters().get(official), written.tensors().get(theirs), theirs));
      String attention =
          (name.equals("BeitModel") ? "" : "beit.") + "encoder.layer.2.attention.attention.";
      NDArray query = written.tensors().get(attention + "query.weight");
      NDArray key = written.tensors().get(attention + "key.weight");
      NDArray value = written.tensors().get(attention + "value.weight");
      assertEquals(
          golden.parameters().get("blocks.2.attn.qkv.weight"),
          query.concat(key, 0).concat(value, 0));
    }
    JsonNode config = json(files.get("config.json"));
    assertEquals(name, config.get("architectures").get(0).asText());
    assertEquals(1e-6, config.get("layer_norm_eps").asDouble());
  }

  @Test
  void beitModelGivesFeatures() throws IOException {
    try (Golden golden = Golden.mim(folder)) {
      Map<String, Path> files = export(golden, ExportFormat.TRANSFORMERS);
      assertClass(
          "BeitModel",
          golden,
          files,
          Map.of(
              "norm.weight", "layernorm.weight",
              "blocks.1.norm1.bias", "encoder.layer.1.layernorm_before.bias",
              "blocks.1.norm2.bias", "encoder.layer.1.layernorm_after.bias",
              "blocks.1.attn.q_bias", "encoder.layer.1.attention.attention.query.bias",
              "blocks.1.attn.v_bias", "encoder.layer.1.attention.attention.value.bias",
              "blocks.1.gamma_1", "encoder.layer.1.lambda_1",
              "blocks.1.gamma_2", "encoder.layer.1.lambda_2",
              "mask_token", "embeddings.mask_token"));
      JsonNode config = json(files.get("config.json"));
      assertFalse(config.get("use_mean_pooling").asBoolean()); // the norm is the model's
    }
  }

  @Test
  void beitForMaskedImageModelingPredictsCodes() throws IOException {
    try (Golden golden = Golden.mim(folder)) {
      assertClass(
          "BeitForMaskedImageModeling",
          golden,
          export(golden, ExportFormat.TRANSFORMERS_MIM),
          Map.of(
              "norm.bias", "layernorm.bias",
              "lm_head.weight", "lm_head.weight",
              "rel_pos_bias.relative_position_bias_table",
                  "beit.encoder.relative_position_bias.relative_position_bias_table"));
    }
  }

  @Test
  void beitForImageClassificationHasItsLabels() throws IOException {
    try (Golden golden = Golden.classifier(folder)) {
      Map<String, Path> files = export(golden, ExportFormat.TRANSFORMERS);
      assertClass(
          "BeitForImageClassification",
          golden,
          files,
          Map.of(
              "fc_norm.weight", "beit.pooler.layernorm.weight",
              "head.bias", "classifier.bias",
              "blocks.2.attn.relative_position_bias_table",
                  "beit.encoder.layer.2.attention.attention.relative_position_bias"
                      + ".relative_position_bias_table"));
      assertEquals(10, json(files.get("config.json")).get("id2label").size());
    }
  }

  @Test
  void theProcessorTakesTheEvaluationCrop() throws IOException {
    try (Golden golden = Golden.mim(folder)) {
      Map<String, Path> files = export(golden, ExportFormat.TRANSFORMERS);
      JsonNode processor = json(files.get("preprocessor_config.json"));
      assertEquals(SHORTER_SIDE, processor.get("size").get("shortest_edge").asInt());
      assertEquals("{\"height\":64,\"width\":64}", processor.get("crop_size").toString());
      assertEquals("[0.485,0.456,0.406]", processor.get("image_mean").toString());
      assertEquals("[0.229,0.224,0.225]", processor.get("image_std").toString());
    }
  }
}
