package dev.beit2.model.vit;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import dev.beit2.model.torch.ActivationCheckpointing;
import dev.beit2.model.torch.Kernels;
import dev.beit2.model.torch.StateDict;
import dev.beit2.model.vit.VitConfig.Positions;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import javax.annotation.Nullable;

/**
 * The parts of a vision transformer, over parameters under official names (official {@code
 * modeling_finetune.py}). Networks combine them. Results belong to the manager given with each
 * call.
 */
public final class Vit {
  private static final List<String> BLOCK =
      List.of(
          "norm1.weight",
          "norm1.bias",
          "attn.qkv.weight",
          "attn.q_bias",
          "attn.v_bias",
          "attn.proj.weight",
          "attn.proj.bias",
          "norm2.weight",
          "norm2.bias",
          "mlp.fc1.weight",
          "mlp.fc1.bias",
          "mlp.fc2.weight",
          "mlp.fc2.bias",
          "gamma_1",
          "gamma_2");

  private final VitConfig config;
  private final Kernels kernels;
  private final StateDict state;
  private final String prefix;
  private final NDArray heads;
  @Nullable private final ActivationCheckpointing checkpointing;
  private final Map<String, List<NDArray>> blocks = new ConcurrentHashMap<>();

  /**
   * A transformer over existing parameters.
   *
   * @param prefix of its names in {@code state}: empty, or for example {@code encoder.}
   */
  public Vit(VitConfig config, Kernels kernels, StateDict state, String prefix) {
    this(config, kernels, state, prefix, null);
  }

  /**
   * A transformer over existing parameters.
   *
   * @param checkpointing of the blocks; null stores all activations for the backward pass
   */
  public Vit(
      VitConfig config,
      Kernels kernels,
      StateDict state,
      String prefix,
      @Nullable ActivationCheckpointing checkpointing) {
    this.checkpointing = checkpointing;
    this.config = config;
    this.kernels = kernels;
    this.state = state;
    this.prefix = prefix;
    this.heads = kernels.number(config.heads());
  }

  /** The transformer's shape. */
  public VitConfig config() {
    return config;
  }

  /** Images [B, C, S, S] → patch tokens [B, N, D]. */
  public NDArray patchEmbed(NDManager manager, NDArray images) {
    return kernels.call(
        manager,
        "patch_embed",
        images,
        get("patch_embed.proj.weight"),
        get("patch_embed.proj.bias"));
  }

  /**
   * Patch tokens [B, N, D] → [B, 1 + N, D]: prepends [CLS] and adds absolute positions, if the
   * transformer has them.
   */
  public NDArray embed(NDManager manager, NDArray patches) {
    return embed(manager, patches, kernels.none(), kernels.none());
  }

  /**
   * Patch tokens [B, N, D] → [B, 1 + N, D], with masked patches replaced by the mask token.
   *
   * @param mask [B, N], 1 where masked
   * @param maskToken [1, 1, D]
   */
  public NDArray embed(NDManager manager, NDArray patches, NDArray mask, NDArray maskToken) {
    return kernels.call(
        manager, "embed", patches, mask, maskToken, get("cls_token"), optional("pos_embed"));
  }

  /**
   * The relative position bias that all blocks share, [1, heads, T, T]; without elements if there
   * is none.
   */
  public NDArray sharedBias(NDManager manager) {
    return config.positions() == Positions.SHARED_RELATIVE
        ? bias(manager, "rel_pos_bias.")
        : kernels.none();
  }

  private NDArray bias(NDManager manager, String of) {
    return kernels.call(
        manager,
        "relative_position_bias",
        get(of + "relative_position_bias_table"),
        get(of + "relative_position_index"));
  }

  /**
   * One block.
   *
   * @param x [B, T, D]
   * @param bias {@link #sharedBias}
   * @param name of the block, for example {@code blocks.3}
   * @param dropPath decides which samples skip it
   * @return [B, T, D]
   */
  public NDArray block(NDManager manager, NDArray x, NDArray bias, String name, DropPath dropPath) {
    NDArray own = config.positions() == Positions.RELATIVE ? bias(manager, name + ".attn.") : bias;
    NDArray keepAttention = keep(manager, x, name + ".attn", dropPath);
    NDArray keepMlp = keep(manager, x, name + ".mlp", dropPath);
    NDArray[] tensors = {x, own, keepAttention, keepMlp, heads};
    List<NDArray> weights = blocks.computeIfAbsent(name, this::parameters);
    return checkpointing == null
        ? kernels.call(manager, "block", tensors, weights)
        : checkpointing.call(manager, "block", tensors, weights);
  }

  private NDArray keep(NDManager manager, NDArray x, String branch, DropPath dropPath) {
    NDArray factors = dropPath.keep(manager, branch, x.getShape().get(0));
    return factors == null ? kernels.none() : factors;
  }

  private List<NDArray> parameters(String block) {
    List<NDArray> parameters = new ArrayList<>();
    // DINO's keys have a bias too: one tensor for all three.
    boolean fused = state.contains(prefix + block + ".attn.qkv.bias");
    for (String name : BLOCK) {
      String actual = fused && name.equals("attn.q_bias") ? "attn.qkv.bias" : name;
      parameters.add(optional(block + "." + actual));
    }
    return parameters;
  }

  /**
   * All blocks {@code blocks.0} to {@code blocks.(depth − 1)}, without stochastic depth: [B, T, D]
   * → [B, T, D].
   */
  public NDArray blocks(NDManager manager, NDArray x) {
    return blocks(manager, x, DropPath.NONE);
  }

  /**
   * All blocks {@code blocks.0} to {@code blocks.(depth − 1)}: [B, T, D] → [B, T, D].
   *
   * @param dropPath decides which samples skip a block
   */
  public NDArray blocks(NDManager manager, NDArray x, DropPath dropPath) {
    NDArray bias = sharedBias(manager);
    NDArray y = x;
    for (int i = 0; i < config.depth(); i++) {
      NDArray next = block(manager, y, bias, "blocks." + i, dropPath);
      y = next;
    }
    return y;
  }

  /** Rates of stochastic depth by block, growing linearly from 0 in the first one. */
  public Map<String, Double> dropPathRates() {
    Map<String, Double> rates = new HashMap<>();
    int depth = config.depth();
    for (int i = 0; i < depth; i++) {
      rates.put("blocks." + i, depth == 1 ? 0 : config.dropPath() * i / (depth - 1));
    }
    return rates;
  }

  /** A layer norm by name, eps 1e-6. */
  public NDArray norm(NDManager manager, NDArray x, String name) {
    return kernels.call(manager, "norm", x, get(name + ".weight"), get(name + ".bias"));
  }

  private NDArray get(String name) {
    return state.get(prefix + name);
  }

  private NDArray optional(String name) {
    return state.contains(prefix + name) ? state.get(prefix + name) : kernels.none();
  }

  /**
   * Initial values of patch embedding, [CLS], positions and blocks. Final norms and heads are the
   * networks'.
   *
   * @param normalPatchEmbed whether the patch embedding is normal (masked image model) or keeps
   *     PyTorch's default
   */
  public static void initialize(
      VitConfig config, Initialization init, String prefix, boolean normalPatchEmbed) {
    int dim = config.dim();
    int patch = config.patchSize();
    long inputs = (long) config.channels() * patch * patch;
    String proj = prefix + "patch_embed.proj";
    init.normal(prefix + "cls_token", 1, 1, dim);
    if (config.positions() == Positions.ABSOLUTE) {
      init.normal(prefix + "pos_embed", 1, config.patches() + 1, dim);
    }
    if (normalPatchEmbed) {
      init.normal(proj + ".weight", dim, config.channels(), patch, patch);
      init.constant(proj + ".bias", 0, dim);
    } else {
      init.uniform(proj + ".weight", inputs, 1, dim, config.channels(), patch, patch);
      init.uniform(proj + ".bias", inputs, 1, dim);
    }
    if (config.positions() == Positions.SHARED_RELATIVE) {
      initializeBias(config, init, prefix + "rel_pos_bias.");
    }
    for (int i = 0; i < config.depth(); i++) {
      initializeBlock(config, init, prefix + "blocks." + i, i + 1, true);
    }
  }

  /**
   * Initial values of one block.
   *
   * @param layer its number, from 1: initial values of the layers that write to the residual stream
   *     are divided by √(2·layer)
   * @param normal whether linear layers are normal, or keep PyTorch's default as the official
   *     code's aggregation blocks do (they are made after its initialization has run)
   */
  public static void initializeBlock(
      VitConfig config, Initialization init, String name, int layer, boolean normal) {
    int dim = config.dim();
    double last = 1 / Math.sqrt(2.0 * layer);
    if (config.layerScale() > 0) {
      init.constant(name + ".gamma_1", config.layerScale(), dim);
      init.constant(name + ".gamma_2", config.layerScale(), dim);
    }
    init.layerNorm(name + ".norm1", dim);
    init.constant(name + ".attn.q_bias", 0, dim);
    init.constant(name + ".attn.v_bias", 0, dim);
    if (config.positions() == Positions.RELATIVE) {
      initializeBias(config, init, name + ".attn.");
    }
    weight(init, name + ".attn.qkv", normal, 1, 3L * dim, dim);
    weight(init, name + ".attn.proj", normal, last, dim, dim);
    bias(init, name + ".attn.proj", normal, dim, dim);
    init.layerNorm(name + ".norm2", dim);
    weight(init, name + ".mlp.fc1", normal, 1, config.mlpDim(), dim);
    bias(init, name + ".mlp.fc1", normal, config.mlpDim(), dim);
    weight(init, name + ".mlp.fc2", normal, last, dim, config.mlpDim());
    bias(init, name + ".mlp.fc2", normal, dim, config.mlpDim());
  }

  private static void weight(
      Initialization init, String layer, boolean normal, double scale, long out, long in) {
    if (normal) {
      init.scaledNormal(layer + ".weight", scale, out, in);
    } else {
      init.uniform(layer + ".weight", in, scale, out, in);
    }
  }

  private static void bias(Initialization init, String layer, boolean normal, long out, long in) {
    if (normal) {
      init.constant(layer + ".bias", 0, out);
    } else {
      init.uniform(layer + ".bias", in, 1, out);
    }
  }

  private static void initializeBias(VitConfig config, Initialization init, String of) {
    int tokens = config.patches() + 1;
    init.constant(
        of + "relative_position_bias_table",
        0,
        RelativePosition.rows(config.grid()),
        config.heads());
    init.longs(
        of + "relative_position_index",
        () -> RelativePosition.index(config.grid()),
        tokens,
        tokens);
  }
}
