package dev.beit2.model.teacher;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.beit2.model.checkpoint.InvalidCheckpointException;
import dev.beit2.model.checkpoint.Layout;
import dev.beit2.model.checkpoint.WeightsFile;
import dev.beit2.model.checkpoint.WeightsFile.Source;
import dev.beit2.model.torch.StateDict;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.function.Predicate;

/**
 * The image tower of a CLIP file under OpenAI's names. OpenAI's own TorchScript program and
 * OpenCLIP's files have them; in Hugging Face's, queries, keys and values are three tensors, and
 * the projection is transposed.
 */
final class ClipFile {
  private static final String TOWER = "visual.";
  private static final String BLOCKS = TOWER + "transformer.resblocks.";
  private static final String HUGGING_FACE = "vision_model.";
  private static final String HUGGING_FACE_BLOCKS = HUGGING_FACE + "encoder.layers.";
  private static final String QUICK_GELU = "quick_gelu";
  private static final ObjectMapper JSON = new ObjectMapper();

  private static final Map<String, String> HUGGING_FACE_NAMES =
      Map.ofEntries(
          Map.entry("visual.class_embedding", "embeddings.class_embedding"),
          Map.entry("visual.positional_embedding", "embeddings.position_embedding.weight"),
          Map.entry("visual.conv1", "embeddings.patch_embedding"),
          Map.entry("visual.ln_pre", "pre_layrnorm"), // sic
          Map.entry("visual.ln_post", "post_layernorm"),
          Map.entry("attn.out_proj", "self_attn.out_proj"),
          Map.entry("ln_1", "layer_norm1"),
          Map.entry("ln_2", "layer_norm2"),
          Map.entry("mlp.c_fc", "mlp.fc1"),
          Map.entry("mlp.c_proj", "mlp.fc2"));

  private ClipFile() {}

  /**
   * Reads the tower; the caller closes it.
   *
   * @param beside the texts of files beside it, by name
   * @throws InvalidCheckpointException if it is none, or does not have QuickGELU
   */
  static StateDict read(WeightsFile file, Map<String, String> beside) throws IOException {
    boolean huggingFace =
        file.tensors().keySet().stream().anyMatch(n -> n.startsWith(HUGGING_FACE));
    requireQuickGelu(file, huggingFace, beside);
    Function<String, Source> sources = huggingFace ? ClipFile::huggingFace : Source::of;
    Predicate<String> ignored =
        huggingFace
            ? name -> !name.startsWith(HUGGING_FACE) || name.endsWith("position_ids")
            : name -> !name.startsWith(TOWER);
    return TeacherTensors.read(
        file, layout(new TeacherTensors(file.tensors(), sources)), sources, ignored);
  }

  private static Layout layout(TeacherTensors shapes) throws InvalidCheckpointException {
    long dim = shapes.size(TOWER + "conv1.weight", 0);
    long patch = shapes.size(TOWER + "conv1.weight", 2);
    int depth = shapes.count(BLOCKS, ".ln_1.weight");
    long mlp = shapes.size(BLOCKS + "0.mlp.c_fc.weight", 0);
    TeacherTensors.LayoutBuilder layout =
        new TeacherTensors.LayoutBuilder()
            .add(TOWER + "class_embedding", dim)
            .add(
                TOWER + "positional_embedding",
                shapes.tokens(TOWER + "positional_embedding", 0),
                dim)
            .add(TOWER + "proj", dim, shapes.size(TOWER + "proj", 1))
            .add(TOWER + "conv1.weight", dim, 3, patch, patch)
            .norm(TOWER + "ln_pre", dim);
    for (int i = 0; i < depth; i++) {
      String block = BLOCKS + i + ".";
      layout
          .add(block + "attn.in_proj_weight", 3 * dim, dim)
          .add(block + "attn.in_proj_bias", 3 * dim)
          .linear(block + "attn.out_proj", dim, dim)
          .norm(block + "ln_1", dim)
          .linear(block + "mlp.c_fc", mlp, dim)
          .linear(block + "mlp.c_proj", dim, mlp)
          .norm(block + "ln_2", dim);
    }
    return layout.norm(TOWER + "ln_post", dim).build();
  }

  private static Source huggingFace(String name) {
    if (name.equals(TOWER + "proj")) {
      return new Source(List.of("visual_projection.weight"), true);
    }
    if (!name.startsWith(BLOCKS)) {
      return Source.of(HUGGING_FACE + TeacherTensors.renamed(HUGGING_FACE_NAMES, name));
    }
    String inBlocks = name.substring(BLOCKS.length());
    int dot = inBlocks.indexOf('.');
    String block = HUGGING_FACE_BLOCKS + inBlocks.substring(0, dot + 1);
    String part = inBlocks.substring(dot + 1);
    if (part.startsWith("attn.in_proj_")) {
      String kind = part.substring("attn.in_proj_".length());
      return Source.of(
          block + "self_attn.q_proj." + kind,
          block + "self_attn.k_proj." + kind,
          block + "self_attn.v_proj." + kind);
    }
    return Source.of(block + TeacherTensors.renamed(HUGGING_FACE_NAMES, part));
  }

  /** QuickGELU and GELU have the same tensors, so something else must tell them apart. */
  private static void requireQuickGelu(
      WeightsFile file, boolean huggingFace, Map<String, String> beside)
      throws InvalidCheckpointException {
    if (!file.classes().isEmpty()) {
      String found =
          file.classes().values().stream().anyMatch("QuickGELU"::equals) ? QUICK_GELU : "gelu";
      requireQuickGelu("its modules", found);
    } else if (huggingFace) {
      JsonNode config = json("config.json", beside);
      JsonNode vision = config.has("vision_config") ? config.get("vision_config") : config;
      requireQuickGelu("config.json", vision.path("hidden_act").asText(QUICK_GELU));
    } else {
      JsonNode config = json("open_clip_config.json", beside).path("model_cfg");
      boolean quick = config.path("quick_gelu").asBoolean(false);
      requireQuickGelu("open_clip_config.json", quick ? QUICK_GELU : "gelu");
    }
  }

  private static void requireQuickGelu(String where, String found)
      throws InvalidCheckpointException {
    if (!found.equals(QUICK_GELU)) {
      throw new InvalidCheckpointException(
          "found the activation %s by %s; wanted QuickGELU, as OpenAI's towers have it"
              .formatted(found, where));
    }
  }

  private static JsonNode json(String name, Map<String, String> beside)
      throws InvalidCheckpointException {
    String text = beside.get(name);
    if (text == null) {
      throw new InvalidCheckpointException(
          "found no %s beside it, which says whether its activation is QuickGELU".formatted(name));
    }
    try {
      return JSON.readTree(text);
    } catch (JsonProcessingException e) {
      throw new InvalidCheckpointException(
          "found a %s beside it that is no JSON: %s".formatted(name, e.getOriginalMessage()));
    }
  }
}
