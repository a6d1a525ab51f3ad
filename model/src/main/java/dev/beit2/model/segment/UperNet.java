package dev.beit2.model.segment;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import dev.beit2.model.checkpoint.Layout;
import dev.beit2.model.torch.ActivationCheckpointing;
import dev.beit2.model.torch.Kernels;
import dev.beit2.model.torch.StateDict;
import dev.beit2.model.vit.DropPath;
import dev.beit2.model.vit.Initialization;
import dev.beit2.model.vit.Vit;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import javax.annotation.Nullable;

/**
 * UPerNet (arXiv 1807.10221) on a transformer, under the names of the official code and
 * mmsegmentation ({@code backbone.*}, {@code decode_head.*}, {@code auxiliary_head.*}).
 *
 * <p>Patch tokens are tapped after four blocks and become feature maps of 4, 2, 1 and ½ pixels per
 * patch. The decode head pools the coarsest one at four scales, goes from coarse to fine, and
 * classifies all of them together. The auxiliary head, which only helps training, sees the third
 * one.
 */
public final class UperNet {
  /** The prefix of the transformer's names. */
  public static final String BACKBONE = "backbone.";

  private static final String DECODE = "decode_head.";
  private static final String AUXILIARY = "auxiliary_head.";
  private static final int LEVELS = 4;
  private static final int AUXILIARY_LEVEL = 2;
  private static final List<Integer> POOL_SCALES = List.of(1, 2, 3, 6);
  private static final double HEAD_STD = 0.01;
  private static final List<String> NORM =
      List.of(".weight", ".bias", ".running_mean", ".running_var");

  private final SegmenterConfig config;
  private final Kernels kernels;
  private final StateDict state;
  private final Vit vit;

  /**
   * How the network computes.
   *
   * @param training whether batch norms use the statistics of the batch, and update the running
   *     ones, or use the running ones
   * @param dropPath decides which samples skip a block
   * @param dropout decides which channels a head does not see
   */
  public record Mode(boolean training, DropPath dropPath, ChannelDropout dropout) {
    /** As a trained network is used. */
    public static final Mode INFERENCE = new Mode(false, DropPath.NONE, ChannelDropout.NONE);
  }

  /**
   * A network over existing parameters, which the caller closes.
   *
   * @param checkpointing of the blocks; null stores all activations for the backward pass
   */
  public UperNet(
      SegmenterConfig config,
      Kernels kernels,
      StateDict state,
      @Nullable ActivationCheckpointing checkpointing) {
    this.config = config;
    this.kernels = kernels;
    this.state = state;
    this.vit = new Vit(config.backbone(), kernels, state, BACKBONE, checkpointing);
  }

  /** Initial values under official names; the caller closes them. */
  public static StateDict initialize(SegmenterConfig config, long seed) {
    StateDict state = new StateDict();
    initialize(config, new Initialization(state, seed, Double.POSITIVE_INFINITY));
    return state;
  }

  /** The tensors of a checkpoint. */
  public static Layout layout(SegmenterConfig config) {
    return Initialization.layout(init -> initialize(config, init));
  }

  private static void initialize(SegmenterConfig config, Initialization init) {
    int dim = config.backbone().dim();
    Vit.initialize(config.backbone(), init, BACKBONE, false);
    transposed(init, BACKBONE + "fpn1.0", dim);
    batchNorm(init, BACKBONE + "fpn1.1", dim);
    transposed(init, BACKBONE + "fpn1.3", dim);
    transposed(init, BACKBONE + "fpn2.0", dim);
    for (int i = 0; i < POOL_SCALES.size(); i++) {
      block(init, pooled(i), dim, dim, 1);
    }
    block(init, DECODE + "bottleneck", dim, (1 + POOL_SCALES.size()) * dim, 3);
    for (int level = 0; level < LEVELS - 1; level++) {
      block(init, lateral(level), dim, dim, 1);
      block(init, output(level), dim, dim, 3);
    }
    block(init, DECODE + "fpn_bottleneck", dim, LEVELS * dim, 3);
    classifier(init, DECODE, config.classes(), dim);
    block(init, AUXILIARY + "convs.0", config.auxiliaryChannels(), dim, 3);
    classifier(init, AUXILIARY, config.classes(), config.auxiliaryChannels());
  }

  private static String pooled(int scale) {
    return DECODE + "psp_modules." + scale + ".1";
  }

  private static String lateral(int level) {
    return DECODE + "lateral_convs." + level;
  }

  private static String output(int level) {
    return DECODE + "fpn_convs." + level;
  }

  /** PyTorch's default for a transposed convolution, whose weight is [in, out, 2, 2]. */
  private static void transposed(Initialization init, String name, int dim) {
    long inputs = 4L * dim;
    init.uniform(name + ".weight", inputs, 1, dim, dim, 2, 2);
    init.uniform(name + ".bias", inputs, 1, dim);
  }

  /** A convolution without bias (mmcv's {@code kaiming_init}), and a batch norm. */
  private static void block(Initialization init, String name, int out, int in, int kernel) {
    init.kaiming(name + ".conv.weight", (long) out * kernel * kernel, out, in, kernel, kernel);
    batchNorm(init, name + ".bn", out);
  }

  private static void batchNorm(Initialization init, String name, int channels) {
    init.constant(name + ".weight", 1, channels);
    init.constant(name + ".bias", 0, channels);
    init.constant(name + ".running_mean", 0, channels);
    init.constant(name + ".running_var", 1, channels);
    // PyTorch counts batches here, and reads the count only where a norm has no momentum.
    init.longs(name + ".num_batches_tracked", () -> new long[] {0});
  }

  private static void classifier(Initialization init, String head, int classes, int channels) {
    init.gaussian(head + "conv_seg.weight", HEAD_STD, classes, channels, 1, 1);
    init.constant(head + "conv_seg.bias", 0, classes);
  }

  /** Whether a tensor is trained, or is a constant or a statistic. */
  public static boolean isTrained(String name) {
    return !name.endsWith("relative_position_index")
        && !name.endsWith("num_batches_tracked")
        && !isStatistic(name);
  }

  /** Whether a tensor is a running statistic of a batch norm. */
  public static boolean isStatistic(String name) {
    return name.endsWith(".running_mean") || name.endsWith(".running_var");
  }

  /** Rates of stochastic depth by block. */
  public Map<String, Double> dropPathRates() {
    return vit.dropPathRates();
  }

  /**
   * images [B, 3, S, S], normalized → feature maps [B, D, s, s], s = 4, 2, 1 and ½ times the
   * patches along a side.
   */
  public List<NDArray> pyramid(NDManager manager, NDArray images, Mode mode) {
    List<NDArray> taps = taps(manager, images, mode);
    NDArray finest = transposed(manager, taps.get(0), "fpn1.0");
    finest =
        kernels.call(
            manager, "gelu", batchNorm(manager, finest, BACKBONE + "fpn1.1", mode.training()));
    return List.of(
        transposed(manager, finest, "fpn1.3"),
        transposed(manager, taps.get(1), "fpn2.0"),
        taps.get(2),
        kernels.call(manager, "halve", taps.get(3)));
  }

  private List<NDArray> taps(NDManager manager, NDArray images, Mode mode) {
    NDArray x = vit.embed(manager, vit.patchEmbed(manager, images));
    NDArray bias = vit.sharedBias(manager);
    List<NDArray> taps = new ArrayList<>();
    for (int i = 0; i < config.backbone().depth(); i++) {
      NDArray next = vit.block(manager, x, bias, "blocks." + i, mode.dropPath());
      x = next;
      if (config.taps().contains(i)) {
        taps.add(x);
      }
    }
    // Not before: the last operations are the first of the backward pass, and with activation
    // checkpointing it begins with all that follows the blocks. So sums have the same order.
    return taps.stream().map(tokens -> kernels.call(manager, "token_map", tokens)).toList();
  }

  private NDArray transposed(NDManager manager, NDArray x, String name) {
    return kernels.call(
        manager,
        "twice",
        x,
        state.get(BACKBONE + name + ".weight"),
        state.get(BACKBONE + name + ".bias"));
  }

  private NDArray batchNorm(NDManager manager, NDArray x, String name, boolean training) {
    return kernels.call(
        manager,
        "batch_norm",
        new NDArray[] {x, kernels.number(training ? 1 : 0)},
        norm(name).toList());
  }

  private Stream<NDArray> norm(String name) {
    return NORM.stream().map(part -> state.get(name + part));
  }

  /** Convolution, batch norm, ReLU. */
  private NDArray block(NDManager manager, NDArray x, String name, Mode mode) {
    return kernels.call(
        manager,
        "convolution_block",
        new NDArray[] {x, kernels.number(mode.training() ? 1 : 0)},
        Stream.concat(Stream.of(state.get(name + ".conv.weight")), norm(name + ".bn")).toList());
  }

  /**
   * The decode head.
   *
   * @param pyramid what {@link #pyramid} returns
   * @return logits [B, classes, 4·grid, 4·grid]
   */
  public NDArray logits(NDManager manager, List<NDArray> pyramid, Mode mode) {
    NDArray[] levels = new NDArray[LEVELS];
    for (int level = 0; level < LEVELS - 1; level++) {
      levels[level] = block(manager, pyramid.get(level), lateral(level), mode);
    }
    levels[LEVELS - 1] = pool(manager, pyramid.get(LEVELS - 1), mode);
    for (int level = LEVELS - 1; level > 0; level--) {
      NDArray larger = resize(manager, levels[level], levels[level - 1]);
      levels[level - 1] = levels[level - 1].add(larger);
    }
    NDList outputs = new NDList();
    for (int level = 0; level < LEVELS; level++) {
      NDArray output =
          level == LEVELS - 1 ? levels[level] : block(manager, levels[level], output(level), mode);
      outputs.add(level == 0 ? output : resize(manager, output, outputs.get(0)));
    }
    NDArray all = concatenate(manager, outputs);
    return classify(manager, block(manager, all, DECODE + "fpn_bottleneck", mode), DECODE, mode);
  }

  /** Pyramid pooling: the map together with its averages in 1, 4, 9 and 36 boxes. */
  private NDArray pool(NDManager manager, NDArray x, Mode mode) {
    NDList all = new NDList(x);
    for (int i = 0; i < POOL_SCALES.size(); i++) {
      NDArray boxes = kernels.call(manager, "average", x, kernels.number(POOL_SCALES.get(i)));
      all.add(resize(manager, block(manager, boxes, pooled(i), mode), x));
    }
    return block(manager, concatenate(manager, all), DECODE + "bottleneck", mode);
  }

  private NDArray resize(NDManager manager, NDArray x, NDArray like) {
    return kernels.call(manager, "resize_like", x, like);
  }

  private NDArray concatenate(NDManager manager, NDList maps) {
    return kernels.call(manager, "concatenate", new NDArray[0], maps);
  }

  /**
   * The auxiliary head.
   *
   * @param pyramid what {@link #pyramid} returns
   * @return logits [B, classes, grid, grid]
   */
  public NDArray auxiliaryLogits(NDManager manager, List<NDArray> pyramid, Mode mode) {
    NDArray x = block(manager, pyramid.get(AUXILIARY_LEVEL), AUXILIARY + "convs.0", mode);
    return classify(manager, x, AUXILIARY, mode);
  }

  private NDArray classify(NDManager manager, NDArray x, String head, Mode mode) {
    NDArray keep =
        mode.dropout().keep(manager, head, (int) x.getShape().get(0), (int) x.getShape().get(1));
    return kernels.call(
        manager,
        "classify_pixels",
        x,
        keep == null ? kernels.none() : keep,
        state.get(head + "conv_seg.weight"),
        state.get(head + "conv_seg.bias"));
  }

  /**
   * The loss of logits, which are resized to the labels: the mean cross-entropy of all pixels,
   * where those that are {@link SegmenterConfig#IGNORED} count as 0 (mmsegmentation before 0.23).
   *
   * @param logits [B, classes, s, s]
   * @param labels [B, S, S] uint8
   * @return the loss [], and the fraction [] of the other pixels whose class has the highest logit
   */
  public NDList loss(NDManager manager, NDArray logits, NDArray labels) {
    return kernels.callForAll(manager, "pixel_loss", new NDArray[] {logits, labels});
  }
}
