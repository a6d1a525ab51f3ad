package dev.beit2.model.teacher;

import dev.beit2.model.checkpoint.InvalidCheckpointException;
import dev.beit2.model.checkpoint.Layout;
import dev.beit2.model.checkpoint.WeightsFile;
import dev.beit2.model.checkpoint.WeightsFile.Source;
import dev.beit2.model.torch.StateDict;
import java.io.IOException;
import java.util.Map;
import java.util.function.Function;
import java.util.function.Predicate;

/**
 * A DINO file under the names of its authors. In Hugging Face's, queries, keys and values are three
 * tensors.
 */
final class DinoFile {
  private static final String BLOCKS = "blocks.";
  private static final String HUGGING_FACE = "embeddings.";
  private static final String HUGGING_FACE_BLOCKS = "encoder.layer.";

  private static final Map<String, String> HUGGING_FACE_NAMES =
      Map.of(
          "cls_token", "embeddings.cls_token",
          "pos_embed", "embeddings.position_embeddings",
          "patch_embed.proj", "embeddings.patch_embeddings.projection",
          "norm", "layernorm",
          "norm1", "layernorm_before",
          "norm2", "layernorm_after",
          "attn.proj", "attention.output.dense",
          "mlp.fc1", "intermediate.dense",
          "mlp.fc2", "output.dense");

  private DinoFile() {}

  /**
   * Reads the network; the caller closes it.
   *
   * @throws InvalidCheckpointException if it is none
   */
  static StateDict read(WeightsFile file) throws IOException {
    boolean huggingFace =
        file.tensors().keySet().stream().anyMatch(n -> n.startsWith(HUGGING_FACE));
    Function<String, Source> sources = huggingFace ? DinoFile::huggingFace : Source::of;
    // The layer that Hugging Face pools with is not DINO's.
    Predicate<String> ignored = name -> huggingFace && name.startsWith("pooler.");
    return TeacherTensors.read(
        file, layout(new TeacherTensors(file.tensors(), sources)), sources, ignored);
  }

  private static Layout layout(TeacherTensors shapes) throws InvalidCheckpointException {
    long dim = shapes.size("patch_embed.proj.weight", 0);
    long patch = shapes.size("patch_embed.proj.weight", 2);
    int depth = shapes.count(BLOCKS, ".norm1.weight");
    // DINO's networks have no other; the teacher that is built has none.
    long mlp = 4 * dim;
    TeacherTensors.LayoutBuilder layout =
        new TeacherTensors.LayoutBuilder()
            .add("cls_token", 1, 1, dim)
            .add("pos_embed", 1, shapes.tokens("pos_embed", 1), dim)
            .add("patch_embed.proj.weight", dim, 3, patch, patch)
            .add("patch_embed.proj.bias", dim);
    for (int i = 0; i < depth; i++) {
      String block = BLOCKS + i + ".";
      layout
          .norm(block + "norm1", dim)
          .linear(block + "attn.qkv", 3 * dim, dim)
          .linear(block + "attn.proj", dim, dim)
          .norm(block + "norm2", dim)
          .linear(block + "mlp.fc1", mlp, dim)
          .linear(block + "mlp.fc2", dim, mlp);
    }
    return layout.norm("norm", dim).build();
  }

  private static Source huggingFace(String name) {
    if (!name.startsWith(BLOCKS)) {
      return Source.of(TeacherTensors.renamed(HUGGING_FACE_NAMES, name));
    }
    String inBlocks = name.substring(BLOCKS.length());
    int dot = inBlocks.indexOf('.');
    String block = HUGGING_FACE_BLOCKS + inBlocks.substring(0, dot + 1);
    String part = inBlocks.substring(dot + 1);
    if (part.startsWith("attn.qkv.")) {
      String kind = part.substring("attn.qkv.".length());
      String attention = block + "attention.attention.";
      return Source.of(
          attention + "query." + kind, attention + "key." + kind, attention + "value." + kind);
    }
    return Source.of(block + TeacherTensors.renamed(HUGGING_FACE_NAMES, part));
  }
}
