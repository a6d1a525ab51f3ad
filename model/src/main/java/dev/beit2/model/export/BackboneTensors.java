package dev.beit2.model.export;

import dev.beit2.model.checkpoint.InvalidCheckpointException;
import dev.beit2.model.checkpoint.SafetensorsHeader.Entry;
import dev.beit2.model.vit.VitConfig;
import dev.beit2.model.vit.VitConfig.Positions;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.regex.Pattern;

/** The tensors of a masked image model or a classifier that other tools' networks have. */
final class BackboneTensors {
  static final String TABLE = "relative_position_bias_table";
  static final String SHARED_TABLE = "rel_pos_bias." + TABLE;

  /** Prediction of codes, patch aggregation, and the index, which every tool computes itself. */
  private static final Pattern PRETRAINING =
      Pattern.compile("(mask_token|lm_head\\.|cls_pt_|.*relative_position_index).*");

  private BackboneTensors() {}

  /**
   * Checks that a network is one that other tools have.
   *
   * @throws InvalidCheckpointException if it sees no RGB images, or has absolute positions
   */
  static VitConfig require(SourceModel model) throws InvalidCheckpointException {
    VitConfig backbone = model.backbone();
    if (backbone.channels() != 3 || backbone.positions() == Positions.ABSOLUTE) {
      throw new InvalidCheckpointException(
          "found %d channels and %s positions; wanted 3 and relative ones"
              .formatted(backbone.channels(), backbone.positions()));
    }
    return backbone;
  }

  /** The network of features or classes, by official names, each block with its own table. */
  static Map<String, Entry> withOwnTables(SourceModel model) {
    Map<String, Entry> tensors = new LinkedHashMap<>(model.tensors());
    tensors.keySet().removeIf(PRETRAINING.asMatchPredicate());
    Entry shared = tensors.remove(SHARED_TABLE);
    if (shared != null) {
      for (int i = 0; i < model.backbone().depth(); i++) {
        tensors.put("blocks." + i + ".attn." + TABLE, shared);
      }
    }
    return tensors;
  }
}
