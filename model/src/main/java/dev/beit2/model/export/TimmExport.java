package dev.beit2.model.export;

import dev.beit2.model.checkpoint.InvalidCheckpointException;
import dev.beit2.model.eval.ClassifierConfig;
import dev.beit2.model.vit.ImageNet;
import dev.beit2.model.vit.VitConfig;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A folder for timm's {@code create_model("local-dir:DIR", pretrained=True)}. Its BEiT has the
 * official names, and a table of relative positions in each block.
 */
final class TimmExport {
  private TimmExport() {}

  static Export of(SourceModel model, int shorterSide) throws InvalidCheckpointException {
    VitConfig backbone = BackboneTensors.require(model);
    return new Export(
        List.of(
            Export.safetensors(model, Export.PYTORCH, BackboneTensors.withOwnTables(model)),
            Export.json("config.json", config(model, backbone, shorterSide))),
        Export.NORMALIZED,
        "timm",
        usage(model, backbone));
  }

  private static Map<String, Object> config(
      SourceModel model, VitConfig backbone, int shorterSide) {
    int classes = model.config() instanceof ClassifierConfig config ? config.classes() : 0;
    Map<String, Object> arguments = new LinkedHashMap<>();
    // With "token", timm normalizes all tokens; with "avg", the mean of the patches.
    arguments.put("global_pool", pool(model));
    arguments.put("img_size", backbone.imageSize());
    arguments.put("patch_size", backbone.patchSize());
    arguments.put("embed_dim", backbone.dim());
    arguments.put("depth", backbone.depth());
    arguments.put("num_heads", backbone.heads());
    arguments.put("mlp_ratio", backbone.mlpRatio());
    arguments.put("init_values", backbone.layerScale() > 0 ? backbone.layerScale() : null);

    Map<String, Object> pretrained = new LinkedHashMap<>();
    pretrained.put("input_size", List.of(3, backbone.imageSize(), backbone.imageSize()));
    pretrained.put("fixed_input_size", true);
    pretrained.put("interpolation", "bicubic");
    pretrained.put("crop_pct", cropFraction(backbone.imageSize(), shorterSide));
    pretrained.put("crop_mode", "center");
    pretrained.put("mean", ImageNet.mean());
    pretrained.put("std", ImageNet.std());
    pretrained.put("num_classes", classes);
    pretrained.put("first_conv", "patch_embed.proj");
    pretrained.put("classifier", "head");

    Map<String, Object> config = new LinkedHashMap<>();
    // The arguments give every size, so any BEiT v2 will do.
    config.put("architecture", "beitv2_base_patch16_224");
    config.put("num_classes", classes);
    config.put("num_features", backbone.dim());
    config.put("global_pool", pool(model));
    config.put("model_args", arguments);
    config.put("pretrained_cfg", pretrained);
    return config;
  }

  private static String pool(SourceModel model) {
    return model.config() instanceof ClassifierConfig config && config.meanPooling()
        ? "avg"
        : "token";
  }

  /** The fraction from which timm computes the shorter side, {@code floor(side / fraction)}. */
  static double cropFraction(int side, int shorterSide) {
    double fraction = (double) side / shorterSide;
    while (Math.floor(side / fraction) < shorterSide) {
      fraction = Math.nextDown(fraction);
    }
    return fraction;
  }

  private static String usage(SourceModel model, VitConfig backbone) {
    String load =
        """
        import timm
        model = timm.create_model("local-dir:DIR", pretrained=True).eval()
        transform = timm.data.create_transform(**timm.data.resolve_model_data_config(model))
        """;
    return model.config() instanceof ClassifierConfig config
        ? load + "logits = model(images)  # [B, %d]\n".formatted(config.classes())
        : load
            + """
            features = model(images)                 # [B, %2$d], [CLS] after the last norm
            tokens = model.forward_features(images)  # [B, %1$d, %2$d], [CLS] first
            """
                .formatted(1 + backbone.patches(), backbone.dim());
  }
}
