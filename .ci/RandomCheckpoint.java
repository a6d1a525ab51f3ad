import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import dev.beit2.model.checkpoint.ModelMetadata;
import dev.beit2.model.checkpoint.Safetensors;
import dev.beit2.model.eval.Classifier;
import dev.beit2.model.eval.ClassifierConfig;
import dev.beit2.model.mim.MaskedImageModel;
import dev.beit2.model.mim.MimConfig;
import dev.beit2.model.recipe.PretrainingRecipe;
import dev.beit2.model.recipe.TokenizerRecipe;
import dev.beit2.model.tokenizer.VqKd;
import dev.beit2.model.tokenizer.VqKdConfig;
import dev.beit2.model.torch.StateDict;
import dev.beit2.model.vit.VitConfig;
import dev.beit2.model.vit.VitConfig.Positions;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;

/**
 * RandomCheckpoint KIND PRESET RUN: a run whose only checkpoint holds random values. Nothing is
 * zero or one, so that no exchanged tensor hides.
 */
final class RandomCheckpoint {
  public static void main(String[] args) throws Exception {
    VitConfig backbone =
        args[0].equals("vqkd") ? null : PretrainingRecipe.of(args[1]).network(8192).backbone();
    Record config;
    StateDict state;
    switch (args[0]) {
      case "mim" -> {
        MimConfig mim = PretrainingRecipe.of(args[1]).network(8192);
        config = mim;
        state = MaskedImageModel.initialize(mim, 1);
      }
      case "vqkd" -> {
        VqKdConfig vqkd = tokenizer(TokenizerRecipe.of(args[1]));
        config = vqkd;
        state = VqKd.initialize(vqkd, 1);
      }
      case "classifier", "classifier-cls" -> {
        ClassifierConfig classifier =
            new ClassifierConfig(
                new VitConfig(
                    backbone.imageSize(),
                    backbone.patchSize(),
                    backbone.channels(),
                    backbone.dim(),
                    backbone.depth(),
                    backbone.heads(),
                    backbone.mlpRatio(),
                    Positions.RELATIVE,
                    backbone.layerScale(),
                    backbone.dropPath()),
                17,
                args[0].equals("classifier"));
        config = classifier;
        state = Classifier.initialize(classifier, 1);
      }
      default -> throw new IllegalArgumentException(args[0]);
    }
    try (state) {
      for (NDArray tensor : state.tensors().values()) {
        if (tensor.getDataType() == DataType.FLOAT32) {
          // Weights keep their scale, roughly; biases, tables and scales get some.
          float noise = tensor.getShape().dimension() > 1 ? 0.02f : 0.1f;
          try (NDManager manager = state.newManager()) {
            tensor.addi(manager.randomNormal(0, noise, tensor.getShape(), DataType.FLOAT32));
          }
        }
      }
      Path folder = Files.createDirectories(Path.of(args[2], "checkpoints", "step-000001"));
      String kind = args[0].replace("-cls", "");
      try (FileChannel out =
          FileChannel.open(
              folder.resolve("model.safetensors"),
              StandardOpenOption.CREATE,
              StandardOpenOption.WRITE)) {
        Safetensors.write(out, ModelMetadata.of(kind, config).toMap(), state.tensors());
      }
      Files.writeString(folder.resolve("state.json"), "{\"step\": 1}\n");
    }
  }

  private static VqKdConfig tokenizer(TokenizerRecipe recipe) {
    VitConfig encoder = recipe.encoder();
    return new VqKdConfig(
        encoder,
        encoder
            .withInput(encoder.grid(), 1, recipe.codeDimension())
            .withDepth(recipe.decoderDepth()),
        recipe.codebookSize(),
        recipe.codeDimension(),
        512,
        0.99,
        1,
        0);
  }
}
