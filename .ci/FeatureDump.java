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
import dev.beit2.model.official.OfficialFile;
import dev.beit2.model.tokenizer.Tokenizer;
import dev.beit2.model.torch.Kernels;
import dev.beit2.model.torch.Precision;
import dev.beit2.model.vit.DropPath;
import dev.beit2.model.vit.ImageNet;
import dev.beit2.model.vit.Vit;
import dev.beit2.model.vit.VitConfig;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * FeatureDump PHOTOGRAPHS MODEL...: what our networks make of the evaluation crops of the
 * photographs whose paths are the lines of a file, as safetensors in MODEL.features: images [B, 3,
 * S, S] in [0, 1]; of a masked image model tokens [B, 1 + N, D] after the last norm, and the code
 * logits of all patches [B * N, V] where every second patch is masked; of a classifier logits [B,
 * classes]; of a tokenizer codes [B * N].
 */
final class FeatureDump {
  public static void main(String[] args) throws Exception {
    List<String> photographs = Files.readAllLines(Path.of(args[0]));
    for (String model : Arrays.asList(args).subList(1, args.length)) {
      dump(photographs, Path.of(model));
    }
  }

  private static void dump(List<String> photographs, Path model) throws Exception {
    int batch = photographs.size();
    try (FileChannel in = FileChannel.open(model);
        Safetensors file = Safetensors.read(OfficialFile.asSafetensors(in));
        NDManager manager = file.tensors().newManager()) {
      ModelMetadata metadata = ModelMetadata.of(file.metadata());
      Map<String, NDArray> out = new LinkedHashMap<>();
      if (metadata.kind().equals("vqkd")) {
        out.put("codes", codes(manager, photographs, model));
        write(model, out);
        return;
      }
      MimConfig mim = mim(metadata);
      ClassifierConfig classes = mim == null ? classes(metadata) : null;
      VitConfig backbone = mim == null ? classes.backbone() : mim.backbone();
      int side = backbone.imageSize();
      NDArray images =
          manager.create(
              pixels(photographs, side), new Shape(batch, 3, side, side), DataType.FLOAT32);
      Kernels kernels = Kernels.of(Precision.FP32);
      NDArray input = ImageNet.normalize(kernels, manager, images);
      out.put("images", images);
      if (mim != null) {
        Vit vit = new Vit(backbone, kernels, file.tensors(), "");
        NDArray x = vit.blocks(manager, vit.embed(manager, vit.patchEmbed(manager, input)));
        out.put("tokens", vit.norm(manager, x, "norm"));
        out.put("codes", codes(manager, input, mim, kernels, file));
      } else {
        Classifier classifier = new Classifier(classes, kernels, file.tensors());
        out.put("logits", classifier.logits(manager, classifier.features(manager, input)));
      }
      write(model, out);
    }
  }

  private static ByteBuffer pixels(List<String> photographs, int side) throws Exception {
    ImageBatch pixels = new ImageBatch(photographs.size(), side);
    for (int i = 0; i < photographs.size(); i++) {
      byte[] bytes = Files.readAllBytes(Path.of(photographs.get(i)));
      pixels.put(i, EncodedImage.open(bytes, DecodingLimits.DEFAULT).renderForEvaluation(side));
    }
    return pixels.first(photographs.size());
  }

  private static NDArray codes(NDManager manager, List<String> photographs, Path model)
      throws Exception {
    try (Tokenizer tokenizer =
        Tokenizer.read(OfficialFile.asSafetensors(FileChannel.open(model)), Precision.FP32)) {
      int batch = photographs.size();
      int[] codes = new int[batch * tokenizer.grid() * tokenizer.grid()];
      tokenizer.encode(pixels(photographs, tokenizer.imageSize()), batch, codes);
      return manager.create(codes).toType(DataType.FLOAT32, false);
    }
  }

  private static void write(Path model, Map<String, NDArray> out) throws Exception {
    try (FileChannel to =
        FileChannel.open(
            Path.of(model + ".features"), StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
      Safetensors.write(to, Map.of(), out);
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
