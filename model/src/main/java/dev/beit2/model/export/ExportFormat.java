package dev.beit2.model.export;

import dev.beit2.model.checkpoint.InvalidCheckpointException;
import dev.beit2.model.eval.Network;
import java.util.Arrays;
import java.util.List;

/** The tools that a network can be exported for. */
public enum ExportFormat {
  /** A folder for timm's {@code create_model("local-dir:DIR")}. */
  TIMM(TimmExport::of, Network.Kind.MIM, Network.Kind.CLASSIFIER),
  /** {@code BeitModel}, or {@code BeitForImageClassification} of a classifier. */
  TRANSFORMERS(TransformersExport::of, Network.Kind.MIM, Network.Kind.CLASSIFIER),
  /** {@code BeitForMaskedImageModeling}. */
  TRANSFORMERS_MIM(TransformersExport::maskedImageModel, Network.Kind.MIM),
  /** A {@code .pth} file as the official code writes it. */
  OFFICIAL(OfficialExport::torch, Network.Kind.values()),
  /** The same state dict as a safetensors file. */
  SAFETENSORS(OfficialExport::safetensors, Network.Kind.values()),
  /** A graph from images to features, or to logits. */
  ONNX(OnnxExport::of, Network.Kind.MIM, Network.Kind.CLASSIFIER);

  private final Exporter exporter;
  private final List<Network.Kind> kinds;

  ExportFormat(Exporter exporter, Network.Kind... kinds) {
    this.exporter = exporter;
    this.kinds = List.of(kinds);
  }

  private interface Exporter {
    Export of(SourceModel model, int shorterSide) throws InvalidCheckpointException;
  }

  /** The formats that a kind of network has. */
  public static List<ExportFormat> of(Network.Kind kind) {
    return Arrays.stream(values()).filter(format -> format.kinds.contains(kind)).toList();
  }

  /**
   * Exports a network; nothing is written yet.
   *
   * @param model of a kind that has this format
   * @param shorterSide to which the evaluation resizes an image before it crops the centre, in
   *     pixels; 256 for a network of 224 × 224 pixels
   * @throws InvalidCheckpointException if the format cannot express the network
   */
  public Export export(SourceModel model, int shorterSide) throws InvalidCheckpointException {
    return exporter.of(model, shorterSide);
  }
}
