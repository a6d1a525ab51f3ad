import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import dev.beit2.io.image.DecodingLimits;
import dev.beit2.io.image.EncodedImage;
import dev.beit2.io.image.ImageBatch;
import dev.beit2.model.checkpoint.ModelMetadata;
import dev.beit2.model.checkpoint.Safetensors;
import dev.beit2.model.eval.Classifier;
import dev.beit2.model.eval.ClassifierConfig;
import dev.beit2.model.mim.MaskedImageModel;
import dev.beit2.model.mim.MaskedPatches;
import dev.beit2.model.mim.MimConfig;
import dev.beit2.model.torch.Kernels;
import dev.beit2.model.torch.Precision;
import dev.beit2.model.vit.DropPath;
import dev.beit2.model.vit.ImageNet;
import dev.beit2.model.vit.Vit;
import dev.beit2.model.vit.VitConfig;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.LinkedHashMap;
import java.util.Map;

/**
 * FeatureDump RUN FILE IMAGE...: what our networks make of the evaluation crops, as safetensors:
 * images [B, 3, S, S] in [0, 1]; of a masked image model tokens [B, 1 + N, D] after the last norm,
 * and the code logits of all patches [B * N, V] where every second patch is masked; of a classifier
 * logits [B, classes].
 */
final class FeatureDump {
  public static void main(String[] args) throws Exception {
    int batch = args.length - 2;
    try (FileChannel in =
            FileChannel.open(Path.of(args[0], "checkpoints/step-000001/model.safetensors"));
        Safetensors file = Safetensors.read(in);
        NDManager manager = file.tensors().newManager()) {
      ModelMetadata metadata = ModelMetadata.of(file.metadata());
      MimConfig mim = mim(metadata);
      ClassifierConfig classes = mim == null ? classes(metadata) : null;
      VitConfig backbone = mim == null ? classes.backbone() : mim.backbone();
      int side = backbone.imageSize();
      ImageBatch pixels = new ImageBatch(batch, side);
      for (int i = 0; i < batch; i++) {
        byte[] bytes = Files.readAllBytes(Path.of(args[i + 2]));
        pixels.put(
            i, EncodedImage.open(bytes, DecodingLimits.DEFAULT).renderForEvaluation(side));
      }
      NDArray images =
          manager.create(pixels.first(batch), new Shape(batch, 3, side, side), DataType.FLOAT32);
      Kernels kernels = Kernels.of(Precision.FP32);
      NDArray input = ImageNet.normalize(kernels, manager, images);
      Map<String, NDArray> out = new LinkedHashMap<>();
      out.put("images", images);
      if (mim != null) {
        Vit vit = new Vit(backbone, kernels, file.tensors(), "");
        NDArray x =
            vit.blocks(manager, vit.embed(manager, vit.patchEmbed(manager, input)));
        out.put("tokens", vit.norm(manager, x, "norm"));
        out.put("codes", codes(manager, input, mim, kernels, file));
      } else {
        Classifier classifier =
            new Classifier(classes, kernels, file.tensors());
        out.put("logits", classifier.logits(manager, classifier.features(manager, input)));
      }
      try (FileChannel to =
          FileChannel.open(
              Path.of(args[1]), StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
        Safetensors.write(to, Map.of(), out);
      }
    }
  }

  private static MimConfig mim(ModelMetadata metadata) throws Exception {
    return metadata.kind().equals("mim")
        ? metadata.config("mim", "a masked image model", MimConfig.class)
        : null;
  }

  private static ClassifierConfig classes(ModelMetadata metadata) throws Exception {
    return metadata.config("classifier", "a classifier", ClassifierConfig.class);
  }

  /** Logits of the masked patches, every second one, [B * N / 2, V]. */
  private static NDArray codes(
      NDManager manager, NDArray input, MimConfig config, Kernels kernels, Safetensors file) {
    int batch = (int) input.getShape().get(0);
    boolean[] mask = new boolean[batch * config.backbone().patches()];
    for (int i = 0; i < mask.length; i += 2) {
      mask[i] = true;
    }
    MaskedPatches masked = MaskedPatches.of(manager, mask, new int[mask.length], batch);
    return new MaskedImageModel(config, kernels, file.tensors())
        .forward(manager, input, masked, DropPath.NONE)
        .mim()
        .logits();
  }
}
