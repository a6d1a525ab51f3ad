package dev.beit2.model.tokenizer;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDArrays;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import dev.beit2.model.checkpoint.Layout;
import dev.beit2.model.torch.ActivationCheckpointing;
import dev.beit2.model.torch.Kernels;
import dev.beit2.model.torch.StateDict;
import dev.beit2.model.vit.Initialization;
import dev.beit2.model.vit.Vit;
import java.util.List;
import java.util.function.Function;
import javax.annotation.Nullable;

/**
 * Vector-quantized knowledge distillation (paper, section 3.1; official {@code modeling_vqkd.py}):
 * an image is encoded to one code per patch, and a small decoder has to predict the teacher's
 * features from the codes alone.
 */
public final class VqKd {
  /** The name of the codebook, [K, C] unit vectors. */
  public static final String CODEBOOK = NormEmaCodebook.CODEBOOK;

  private final VqKdConfig config;
  private final Kernels kernels;
  private final StateDict state;
  private final Vit encoder;
  private final Vit decoder;
  private final NormEmaCodebook codebook;
  private final CodebookUpdate update;
  @Nullable private final ActivationCheckpointing checkpointing;

  /** A network over existing parameters, which the caller closes. */
  public VqKd(VqKdConfig config, Kernels kernels, StateDict state) {
    this(config, CodebookUpdate.EMA, kernels, state, null);
  }

  /**
   * A network over existing parameters, which the caller closes.
   *
   * @param update how the codebook learns
   * @param checkpointing of the blocks; null stores all activations for the backward pass
   */
  public VqKd(
      VqKdConfig config,
      CodebookUpdate update,
      Kernels kernels,
      StateDict state,
      @Nullable ActivationCheckpointing checkpointing) {
    this.checkpointing = checkpointing;
    this.config = config;
    this.kernels = kernels;
    this.state = state;
    this.encoder = new Vit(config.encoder(), kernels, state, "encoder.", checkpointing);
    this.decoder = new Vit(config.decoder(), kernels, state, "decoder.", checkpointing);
    this.update = update;
    this.codebook = new NormEmaCodebook(config, update, kernels, state);
  }

  /**
   * Initial values under official names; the caller closes them. The codebook is initialized by the
   * first batch.
   */
  public static StateDict initialize(VqKdConfig config, long seed) {
    StateDict state = new StateDict();
    initialize(config, new Initialization(state, seed, Double.POSITIVE_INFINITY));
    return state;
  }

  /** The tensors of the network's file. */
  public static Layout layout(VqKdConfig config) {
    return Initialization.layout(init -> initialize(config, init));
  }

  private static void initialize(VqKdConfig config, Initialization init) {
    int encoderDim = config.encoder().dim();
    int decoderDim = config.decoder().dim();
    Vit.initialize(config.encoder(), init, "encoder.", false);
    init.layerNorm("encoder.fc_norm", encoderDim);
    Vit.initialize(config.decoder(), init, "decoder.", false);
    init.layerNorm("decoder.fc_norm", decoderDim);
    NormEmaCodebook.initialize(config, init);
    init.linear("encode_task_layer.0", encoderDim, encoderDim);
    init.linear("encode_task_layer.2", config.codeDimension(), encoderDim);
    init.linear("decode_task_layer.0", decoderDim, decoderDim);
    init.linear("decode_task_layer.2", config.teacherDimension(), decoderDim);
  }

  /** Whether the optimizer trains a tensor. It trains the codebook only by its gradient. */
  public static boolean isTrained(String name, CodebookUpdate update) {
    return !name.startsWith("quantize.")
        || (update == CodebookUpdate.GRADIENT && name.equals(CODEBOOK));
  }

  /**
   * Initializes the codebook by k-means over the images' vectors, unless it is initialized. The
   * very first {@link #forward} does the same.
   *
   * @param images [B, 3, S, S] in [0, 1]
   * @param seed chooses the initial means
   */
  public void initializeCodebook(NDManager manager, NDArray images, long seed) {
    if (!codebook.isInitialized(manager)) {
      codebook.initialize(
          manager, encode(manager, images).reshape(-1, config.codeDimension()), seed);
    }
  }

  /** images [B, 3, S, S] in [0, 1] → unit vectors z [B, N, C]. */
  NDArray encode(NDManager manager, NDArray images) {
    NDArray half = manager.create(new float[] {0.5f, 0.5f, 0.5f});
    NDArray scaled = kernels.call(manager, "normalize", images, half, half);
    NDArray features = features(manager, encoder, scaled);
    return kernels.call(manager, "l2_normalize", taskLayer(manager, features, "encode_task_layer"));
  }

  /** z [B, N, C] → codes [B · N] int64. */
  NDArray codes(NDManager manager, NDArray z) {
    return codebook.nearest(manager, z.reshape(-1, config.codeDimension())).codes();
  }

  private NDArray features(NDManager manager, Vit vit, NDArray images) {
    NDArray x = vit.embed(manager, vit.patchEmbed(manager, images));
    x = kernels.call(manager, "patch_tokens", vit.blocks(manager, x));
    return vit.norm(manager, x, "fc_norm");
  }

  private NDArray taskLayer(NDManager manager, NDArray x, String name) {
    return kernels.call(
        manager,
        "task_layer",
        x,
        state.get(name + ".0.weight"),
        state.get(name + ".0.bias"),
        state.get(name + ".2.weight"),
        state.get(name + ".2.bias"));
  }

  /**
   * Vectors and the codes nearest to them.
   *
   * @param z [M, C] unit vectors
   * @param codes [M] int64
   * @param distances [M] squared distance of each vector to its code
   */
  public record Vectors(NDArray z, NDArray codes, NDArray distances) {

    /** The same vectors without their graph, owned by {@code manager}. */
    public Vectors detachInto(NDManager manager) {
      Vectors detached = new Vectors(z.stopGradient(), codes, distances);
      detached.z.attach(manager);
      codes.attach(manager);
      distances.attach(manager);
      return detached;
    }

    /** All vectors, in order. */
    public static Vectors concat(List<Vectors> all) {
      return all.size() == 1
          ? all.get(0)
          : new Vectors(
              concat(all, Vectors::z),
              concat(all, Vectors::codes),
              concat(all, Vectors::distances));
    }

    private static NDArray concat(List<Vectors> all, Function<Vectors, NDArray> which) {
      return NDArrays.concat(new NDList(all.stream().map(which).toList()));
    }
  }

  /**
   * The result of a forward pass in training.
   *
   * @param loss [] the sum of the losses
   * @param reconstructionLoss [] mean(1 − cos(reconstruction, target))
   * @param commitmentLoss [] β · mse(sg[code], z)
   * @param codebookLoss [] mse(sg[z], code); null if the codebook is updated by EMA
   * @param vectors of the B · N patches
   * @param reconstruction [B, N, teacherDimension]
   */
  public record Output(
      NDArray loss,
      NDArray reconstructionLoss,
      NDArray commitmentLoss,
      @Nullable NDArray codebookLoss,
      Vectors vectors,
      NDArray reconstruction) {}

  /**
   * Computes the losses of a batch or a micro-batch. The codebook does not change, except that the
   * very first forward initializes it.
   *
   * @param images [B, 3, S, S] in [0, 1]
   * @param target [B, N, teacherDimension], the teacher's features
   * @param seed chooses the initial means: a function of run and step
   */
  public Output forward(NDManager manager, NDArray images, NDArray target, long seed) {
    NDArray z = encode(manager, images);
    NDArray flat = z.reshape(-1, config.codeDimension());
    if (!codebook.isInitialized(manager)) {
      codebook.initialize(manager, flat, seed);
    }
    Vectors vectors = codebook.nearest(manager, flat);
    NDList quantized = codebook.quantize(manager, z, vectors.codes());
    if (checkpointing != null) {
      checkpointing.loss(quantized.get(0));
    }
    NDArray features = features(manager, decoder, quantized.get(1));
    NDArray reconstruction = taskLayer(manager, features, "decode_task_layer");
    NDArray reconstructionLoss = kernels.call(manager, "cosine_loss", reconstruction, target);
    if (checkpointing != null) {
      checkpointing.loss(reconstructionLoss);
    }
    NDArray loss = reconstructionLoss.add(quantized.get(0));
    NDArray codebookLoss = null;
    if (update == CodebookUpdate.GRADIENT) {
      codebookLoss = codebook.loss(manager, flat, vectors.codes());
      loss = loss.add(codebookLoss);
      if (checkpointing != null) {
        checkpointing.loss(codebookLoss);
      }
    }
    return new Output(
        loss, reconstructionLoss, quantized.get(0), codebookLoss, vectors, reconstruction);
  }

  /**
   * How a batch has used the codebook.
   *
   * @param codesInUse codes that are nearest to at least one vector
   * @param perplexity exp of the entropy of the batch's codes, 1 to K
   * @param revived dead codes that were replaced
   */
  public record Usage(int codesInUse, double perplexity, int revived) {}

  /**
   * Updates the codebook, in place, with the vectors of a whole batch, and revives dead codes. This
   * is the second half of the official training forward.
   *
   * @param seed chooses the vectors that replace dead codes: a function of run and step
   */
  public Usage updateCodebook(NDManager manager, Vectors batch, long seed) {
    return codebook.update(manager, batch, seed);
  }

  /**
   * The weight of each code in an average of several codebooks, [K]: the vectors assigned to it
   * since {@link #forgetAssignments}.
   */
  public float[] codeWeights() {
    return codebook.weights();
  }

  /** Starts to count assigned vectors anew. */
  public void forgetAssignments() {
    codebook.forgetAssignments();
  }

  /** Batches since each code was last used, [K] int32; not part of the official state. */
  public NDArray idleBatches(NDManager manager) {
    return codebook.idleBatches(manager);
  }

  /** Restores what {@link #idleBatches} has returned. */
  public void restoreIdleBatches(NDArray saved) {
    codebook.restore(saved);
  }
}
