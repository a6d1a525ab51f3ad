package dev.beit2.model.official;

import dev.beit2.model.checkpoint.InvalidCheckpointException;
import dev.beit2.model.checkpoint.TensorType;
import dev.beit2.model.eval.ClassifierConfig;
import dev.beit2.model.eval.Network;
import dev.beit2.model.mim.MimConfig;
import dev.beit2.model.recipe.PretrainingRecipe;
import dev.beit2.model.recipe.TokenizerRecipe;
import dev.beit2.model.tokenizer.VqKdConfig;
import dev.beit2.model.vit.VitConfig;
import dev.beit2.model.vit.VitConfig.Positions;
import java.util.Map;

/**
 * Finds the network of an official state dict. Its tensors have the names of ours; its config
 * follows from their shapes, and where they do not tell, from the official recipe.
 */
final class OfficialNetwork {
  private static final String CODES = "quantize.embedding.weight";
  private static final String MIM_HEAD = "lm_head.weight";
  private static final String CLASSIFIER_HEAD = "head.weight";

  /** Blocks after the one from which patch aggregation takes the patch tokens: 12 − 9, 24 − 21. */
  private static final int LATE_LAYERS = 3;

  private OfficialNetwork() {}

  /**
   * Whether the official code ignores a tensor, too: the teacher and losses of a tokenizer's
   * training, and the index of a relative position table, which follows from its size.
   */
  static boolean ignores(String name) {
    return name.startsWith("teacher")
        || name.startsWith("scaling")
        || name.startsWith("loss")
        || name.endsWith("relative_position_index");
  }

  /**
   * The network of a state dict.
   *
   * @param tensors type and shape of its tensors by name
   * @throws InvalidCheckpointException if it is none that is known, naming the first tensor that is
   *     missing
   */
  static Network of(Map<String, TensorType> tensors) throws InvalidCheckpointException {
    Shapes shapes = new Shapes(tensors);
    try {
      if (shapes.has(CODES)) {
        return Network.of(tokenizer(shapes));
      }
      if (shapes.has(MIM_HEAD)) {
        return Network.of(maskedImageModel(shapes));
      }
      if (shapes.has(CLASSIFIER_HEAD)) {
        return Network.of(classifier(shapes));
      }
    } catch (IllegalArgumentException e) {
      throw new InvalidCheckpointException(
          "found tensors of no network of this kind: " + e.getMessage());
    }
    throw new InvalidCheckpointException(
        "found no tensor %s of a tokenizer, %s of a masked image model or %s of a classifier"
            .formatted(CODES, MIM_HEAD, CLASSIFIER_HEAD));
  }

  private static VqKdConfig tokenizer(Shapes shapes) throws InvalidCheckpointException {
    VitConfig encoder = shapes.vit("encoder.", 0);
    return new VqKdConfig(
        encoder,
        shapes.vit("decoder.", 0),
        shapes.size(CODES, 0),
        shapes.size(CODES, 1),
        shapes.size("decode_task_layer.2.weight", 0),
        TokenizerRecipe.BASE.codebookDecay(),
        TokenizerRecipe.BASE.commitmentWeight(),
        0);
  }

  private static MimConfig maskedImageModel(Shapes shapes) throws InvalidCheckpointException {
    VitConfig backbone = backbone(shapes);
    int headLayers = shapes.blocks("cls_pt_layers.");
    return new MimConfig(
        backbone,
        shapes.size(MIM_HEAD, 0),
        headLayers == 0 ? 0 : Math.max(1, backbone.depth() - LATE_LAYERS),
        headLayers,
        !shapes.has("cls_pt_lm_head.weight"));
  }

  private static ClassifierConfig classifier(Shapes shapes) throws InvalidCheckpointException {
    return new ClassifierConfig(
        backbone(shapes), shapes.size(CLASSIFIER_HEAD, 0), !shapes.has("norm.weight"));
  }

  private static VitConfig backbone(Shapes shapes) throws InvalidCheckpointException {
    boolean large = shapes.blocks("blocks.") >= PretrainingRecipe.LARGE.backbone().depth();
    PretrainingRecipe recipe = large ? PretrainingRecipe.LARGE : PretrainingRecipe.BASE;
    return shapes.vit("", recipe.layerScale());
  }

  /** What the shapes of named tensors say. */
  private record Shapes(Map<String, TensorType> tensors) {
    private static final int HEAD_DIM = 64;
    private static final int LARGEST_GRID = 64;

    boolean has(String name) {
      return tensors.containsKey(name);
    }

    /** Size of a tensor in one of its dimensions. */
    int size(String name, int dimension) throws InvalidCheckpointException {
      TensorType tensor = tensors.get(name);
      if (tensor == null) {
        throw new InvalidCheckpointException("found no tensor " + name);
      }
      if (tensor.shape().size() <= dimension) {
        throw new InvalidCheckpointException(
            "found %s %s; wanted at least %d dimensions".formatted(name, tensor, dimension + 1));
      }
      // More than a config takes is refused by the config.
      return (int) Math.min(tensor.shape().get(dimension), Integer.MAX_VALUE);
    }

    /** How many blocks there are, from 0 on. */
    int blocks(String prefix) {
      int count = 0;
      while (has(prefix + count + ".norm1.weight")) {
        count++;
      }
      return count;
    }

    VitConfig vit(String prefix, double layerScale) throws InvalidCheckpointException {
      String proj = prefix + "patch_embed.proj.weight";
      int dim = size(proj, 0);
      int patch = size(proj, 2);
      Positions positions = positions(prefix);
      int grid = grid(prefix, positions);
      return new VitConfig(
          grid * patch,
          patch,
          size(proj, 1),
          dim,
          blocks(prefix + "blocks."),
          positions == Positions.ABSOLUTE
              ? Math.max(1, dim / HEAD_DIM)
              : size(table(prefix, positions), 1),
          size(prefix + "blocks.0.mlp.fc1.weight", 0) / (double) dim,
          positions,
          has(prefix + "blocks.0.gamma_1") ? layerScale : 0,
          0);
    }

    private Positions positions(String prefix) {
      if (has(table(prefix, Positions.RELATIVE))) {
        return Positions.RELATIVE;
      }
      return has(table(prefix, Positions.SHARED_RELATIVE))
          ? Positions.SHARED_RELATIVE
          : Positions.ABSOLUTE;
    }

    private static String table(String prefix, Positions positions) {
      return prefix
          + (positions == Positions.RELATIVE ? "blocks.0.attn." : "rel_pos_bias.")
          + "relative_position_bias_table";
    }

    /** Patches along a side: a table has (2 g − 1)² + 3 rows, absolute positions are g² + 1. */
    private int grid(String prefix, Positions positions) throws InvalidCheckpointException {
      boolean absolute = positions == Positions.ABSOLUTE;
      String name = absolute ? prefix + "pos_embed" : table(prefix, positions);
      int rows = size(name, absolute ? 1 : 0);
      double side = Math.sqrt(absolute ? rows - 1.0 : rows - 3.0);
      int grid = (int) Math.round(absolute ? side : (side + 1) / 2);
      long wanted = absolute ? (long) grid * grid + 1 : (2L * grid - 1) * (2L * grid - 1) + 3;
      if (grid < 1 || grid > LARGEST_GRID || rows != wanted) {
        throw new InvalidCheckpointException(
            "found %s %s; wanted one of a square of at most %d x %d patches"
                .formatted(name, tensors.get(name), LARGEST_GRID, LARGEST_GRID));
      }
      return grid;
    }
  }
}
