package dev.beit2.model.train;

import dev.beit2.model.segment.UperNet;
import dev.beit2.model.tokenizer.VqKd;
import dev.beit2.model.torch.StateDict;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.ToDoubleFunction;

/** Weight decay and learning rate of each parameter (official {@code optim_factory.py}). */
public final class ParameterGroups {
  private ParameterGroups() {}

  /**
   * Parameters that share a weight decay and a scale of the learning rate.
   *
   * @param names of the parameters
   * @param weightDecay of all of them
   * @param scale of the learning rate
   */
  public record Group(List<String> names, double weightDecay, double scale) {}

  /**
   * Groups of the named parameters. Vectors, biases, [CLS] tokens, absolute positions and the
   * codebook do not decay. The [CLS] token of a segmenter does: the official code looks for {@code
   * cls_token} among names that begin with {@code backbone.} there.
   */
  public static List<Group> of(
      StateDict state, List<String> names, double weightDecay, ToDoubleFunction<String> scale) {
    Map<List<Double>, Group> groups = new LinkedHashMap<>();
    for (String name : names) {
      double decay = decays(state, name) ? weightDecay : 0;
      groups
          .computeIfAbsent(
              List.of(decay, scale.applyAsDouble(name)),
              key -> new Group(new ArrayList<>(), key.get(0), key.get(1)))
          .names()
          .add(name);
    }
    return List.copyOf(groups.values());
  }

  private static boolean decays(StateDict state, String name) {
    return state.get(name).getShape().dimension() > 1
        && !name.endsWith(".bias")
        && (!name.endsWith("cls_token") || name.startsWith(UperNet.BACKBONE))
        && !name.endsWith("pos_embed")
        && !name.equals(VqKd.CODEBOOK);
  }

  /**
   * Layer-wise learning-rate decay for fine-tuning: the head has the full learning rate, each layer
   * below it a smaller one.
   *
   * @param decay factor from a layer to the one below it
   * @param depth transformer blocks
   */
  public static ToDoubleFunction<String> layerwise(double decay, int depth) {
    return name -> Math.pow(decay, depth + 1 - layer(name, depth));
  }

  private static int layer(String parameter, int depth) {
    String name = parameter.replaceFirst("^" + UperNet.BACKBONE, "");
    if (name.equals("cls_token")
        || name.equals("mask_token")
        || name.equals("pos_embed")
        || name.startsWith("patch_embed")) {
      return 0;
    }
    return name.startsWith("blocks.") ? Integer.parseInt(name.split("\\.")[1]) + 1 : depth + 1;
  }
}
