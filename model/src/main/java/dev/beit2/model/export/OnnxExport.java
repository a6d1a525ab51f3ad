package dev.beit2.model.export;

import dev.beit2.model.checkpoint.InvalidCheckpointException;
import dev.beit2.model.eval.ClassifierConfig;
import dev.beit2.model.vit.ImageNet;
import dev.beit2.model.vit.VitConfig;
import dev.beit2.model.vit.VitConfig.Positions;
import java.util.Arrays;
import java.util.List;
import java.util.Map;

/**
 * The network as an ONNX graph in float32: from images in [0, 1], which it normalizes itself, to
 * [CLS] and patch tokens after the last norm, or to logits. It follows {@code Vit} and {@code
 * kernels.py} step by step.
 */
final class OnnxExport {
  /** Says what a caller could get wrong. */
  static final String INPUT = "images_0_to_1";

  private static final Map<String, Object> NONE = Map.of();
  private static final float EPS = 1e-6f;

  private final OnnxGraph graph;
  private final VitConfig config;

  private OnnxExport(OnnxGraph graph, VitConfig config) {
    this.graph = graph;
    this.config = config;
  }

  static Export of(SourceModel model, int shorterSide) throws InvalidCheckpointException {
    VitConfig config = BackboneTensors.require(model);
    OnnxGraph graph = new OnnxGraph(model);
    OnnxExport network = new OnnxExport(graph, config);
    String tokens = network.blocks(network.embed());
    String outputs;
    if (model.config() instanceof ClassifierConfig classifier) {
      network.classify(tokens, classifier);
      outputs = "logits,";
    } else {
      network.features(tokens);
      outputs = "cls, patches";
    }
    graph.requireReadable();
    return new Export(
        List.of(new ExportedFile("model.onnx", graph::write)),
        "in [0, 1]: the graph normalizes them",
        "onnx",
        """
        import onnxruntime
        session = onnxruntime.InferenceSession("DIR/model.onnx")
        # images [B, 3, %1$d, %1$d], float32
        %3$s = session.run(None, {"%2$s": images})
        """
            .formatted(config.imageSize(), INPUT, outputs));
  }

  /** Images → [B, 1 + N, D]. */
  private String embed() {
    int side = config.imageSize();
    graph.input(INPUT, "RGB, channels first, float32 in [0, 1]", 3, side, side);
    List<Long> perChannel = List.of(1L, 3L, 1L, 1L);
    String x = graph.node("Sub", NONE, INPUT, graph.floats(perChannel, ImageNet.mean()));
    x = graph.node("Div", NONE, x, graph.floats(perChannel, ImageNet.std()));
    List<Long> patch = List.of((long) config.patchSize(), (long) config.patchSize());
    x =
        graph.node(
            "Conv",
            Map.of("kernel_shape", patch, "strides", patch),
            x,
            graph.weight("patch_embed.proj.weight"),
            graph.weight("patch_embed.proj.bias"));
    x = graph.node("Reshape", NONE, x, graph.longs(0, config.dim(), config.patches()));
    x = transpose(x, 0, 2, 1);
    String batch = graph.node("Shape", Map.of("start", 0L, "end", 1L), INPUT);
    String shape = graph.node("Concat", Map.of("axis", 0L), batch, graph.longs(1, config.dim()));
    String cls = graph.node("Expand", NONE, graph.weight("cls_token"), shape);
    return graph.node("Concat", Map.of("axis", 1L), cls, x);
  }

  private String blocks(String tokens) {
    String shared =
        config.positions() == Positions.SHARED_RELATIVE ? positionBias("rel_pos_bias.") : null;
    String x = tokens;
    for (int i = 0; i < config.depth(); i++) {
      String block = "blocks." + i + ".";
      String bias = shared == null ? positionBias(block + "attn.") : shared;
      x =
          residual(
              x, attention(norm(x, block + "norm1"), bias, block + "attn."), block + "gamma_1");
      x = residual(x, mlp(norm(x, block + "norm2"), block + "mlp."), block + "gamma_2");
    }
    return x;
  }

  /** [heads, T, T]. */
  private String positionBias(String of) {
    String table = graph.weight(of + BackboneTensors.TABLE);
    String index = graph.weight(of + "relative_position_index");
    return transpose(graph.node("Gather", Map.of("axis", 0L), table, index), 2, 0, 1);
  }

  private String attention(String x, String bias, String name) {
    int dim = config.dim();
    int perHead = dim / config.heads();
    String noBias = graph.floats(List.of((long) dim), new float[dim]);
    String qkvBias =
        graph.node(
            "Concat",
            Map.of("axis", 0L),
            graph.weight(name + "q_bias"),
            noBias,
            graph.weight(name + "v_bias"));
    String qkv = graph.node("Add", NONE, product(x, name + "qkv.weight"), qkvBias);
    List<String> parts = List.of(name + "q", name + "k", name + "v");
    graph.node("Split", Map.of("axis", 2L), parts, qkv);
    String q = transpose(heads(parts.get(0)), 0, 2, 1, 3);
    String k = transpose(heads(parts.get(1)), 0, 2, 3, 1);
    String v = transpose(heads(parts.get(2)), 0, 2, 1, 3);
    q = graph.node("Mul", NONE, q, scalar((float) (1 / Math.sqrt(perHead))));
    String scores = graph.node("Add", NONE, graph.node("MatMul", NONE, q, k), bias);
    String weights = graph.node("Softmax", Map.of("axis", -1L), scores);
    String y = transpose(graph.node("MatMul", NONE, weights, v), 0, 2, 1, 3);
    y = graph.node("Reshape", NONE, y, graph.longs(0, 0, dim));
    return linear(y, name + "proj");
  }

  /** [B, T, D] → [B, T, heads, D / heads]. */
  private String heads(String x) {
    return graph.node(
        "Reshape", NONE, x, graph.longs(0, 0, config.heads(), config.dim() / config.heads()));
  }

  private String mlp(String x, String name) {
    String y = linear(x, name + "fc1");
    // The exact GELU, y/2 · (1 + erf(y/√2)), in the steps that onnxruntime fuses.
    String erf = graph.node("Erf", NONE, graph.node("Div", NONE, y, scalar((float) Math.sqrt(2))));
    y = graph.node("Mul", NONE, y, graph.node("Add", NONE, erf, scalar(1)));
    return linear(graph.node("Mul", NONE, y, scalar(0.5f)), name + "fc2");
  }

  private String residual(String x, String branch, String gamma) {
    boolean scaled = graph.hasWeight(gamma);
    String y = scaled ? graph.node("Mul", NONE, branch, graph.weight(gamma)) : branch;
    return graph.node("Add", NONE, x, y);
  }

  private void features(String x) {
    String tokens = norm(x, "norm");
    graph.node("Gather", Map.of("axis", 1L), List.of("cls"), tokens, graph.first());
    graph.node("Slice", NONE, List.of("patches"), patchesOf(tokens));
    graph.output("cls", "[CLS] after the last norm", config.dim());
    graph.output("patches", "patch tokens, row by row", config.patches(), config.dim());
  }

  private void classify(String x, ClassifierConfig classifier) {
    String pooled =
        classifier.meanPooling()
            ? graph.node(
                "ReduceMean",
                Map.of("axes", List.of(1L), "keepdims", 0L),
                graph.node("Slice", NONE, patchesOf(x)))
            : graph.node("Gather", Map.of("axis", 1L), x, graph.first());
    String features = norm(pooled, classifier.meanPooling() ? "fc_norm" : "norm");
    graph.node(
        "Gemm",
        Map.of("transB", 1L),
        List.of("logits"),
        features,
        graph.weight("head.weight"),
        graph.weight("head.bias"));
    graph.output("logits", "of each class", classifier.classes());
  }

  /** The inputs of a Slice that leaves [CLS] out. */
  private String[] patchesOf(String tokens) {
    return new String[] {tokens, graph.longs(1), graph.longs(1 + config.patches()), graph.longs(1)};
  }

  private String norm(String x, String name) {
    return graph.node(
        "LayerNormalization",
        Map.of("axis", -1L, "epsilon", EPS),
        x,
        graph.weight(name + ".weight"),
        graph.weight(name + ".bias"));
  }

  private String linear(String x, String name) {
    return graph.node("Add", NONE, product(x, name + ".weight"), graph.weight(name + ".bias"));
  }

  /** x · weightᵀ. The transposition is of a constant: onnxruntime does it once, when it loads. */
  private String product(String x, String weight) {
    return graph.node("MatMul", NONE, x, transpose(graph.weight(weight), 1, 0));
  }

  private String transpose(String x, long... order) {
    return graph.node("Transpose", Map.of("perm", Arrays.stream(order).boxed().toList()), x);
  }

  private String scalar(float value) {
    return graph.floats(List.of(), value);
  }
}
