package dev.beit2.model.export;

import dev.beit2.model.eval.Network;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

/** The state dict as it is: our names are the official ones. */
final class OfficialExport {
  private OfficialExport() {}

  static Export torch(SourceModel model, int shorterSide) {
    return new Export(
        List.of(
            new ExportedFile(
                "model.pth", out -> TorchFileWriter.write(model, model.tensors(), out))),
        input(model),
        "pytorch",
        """
        import torch
        state_dict = torch.load("DIR/model.pth", weights_only=True)["model"]
        """);
  }

  static Export safetensors(SourceModel model, int shorterSide) {
    Map<String, String> metadata = new TreeMap<>(model.metadata());
    metadata.putAll(Export.PYTORCH);
    return new Export(
        List.of(Export.safetensors(model, metadata, model.tensors())),
        input(model),
        "safetensors",
        """
        from safetensors.torch import load_file
        state_dict = load_file("DIR/model.safetensors")
        """);
  }

  private static String input(SourceModel model) {
    return model.kind() == Network.Kind.VQKD
        ? "in [0, 1]: the network scales them to [−1, 1] itself"
        : Export.NORMALIZED;
  }
}
