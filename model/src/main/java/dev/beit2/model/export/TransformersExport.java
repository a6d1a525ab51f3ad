package dev.beit2.model.export;

import dev.beit2.model.checkpoint.InvalidCheckpointException;
import dev.beit2.model.checkpoint.SafetensorsHeader.Entry;
import dev.beit2.model.eval.ClassifierConfig;
import dev.beit2.model.eval.Network;
import dev.beit2.model.mim.MimConfig;
import dev.beit2.model.vit.ImageNet;
import dev.beit2.model.vit.VitConfig;
import dev.beit2.model.vit.VitConfig.Positions;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * A folder for {@code from_pretrained} of transformers, with the names that its version 4 has;
 * version 5 knows them. Its classes norm in different places, so each needs a folder of its own.
 */
final class TransformersExport {
  private static final Pattern BLOCK = Pattern.compile("blocks\\.(\\d+)\\.(.+)");
  private static final String QKV = "attn.qkv.weight";
  private static final List<String> THIRDS = List.of("query", "key", "value");

  /** A block's modules and parameters. */
  private static final Map<String, String> IN_BLOCK =
      Map.ofEntries(
          Map.entry("norm1", "layernorm_before"),
          Map.entry("norm2", "layernorm_after"),
          Map.entry("attn.q_bias", "attention.attention.query.bias"),
          Map.entry("attn.v_bias", "attention.attention.value.bias"),
          Map.entry(
              "attn." + BackboneTensors.TABLE,
              "attention.attention.relative_position_bias." + BackboneTensors.TABLE),
          Map.entry("attn.proj", "attention.output.dense"),
          Map.entry("mlp.fc1", "intermediate.dense"),
          Map.entry("mlp.fc2", "output.dense"),
          Map.entry("gamma_1", "lambda_1"),
          Map.entry("gamma_2", "lambda_2"));

  /** What lies before and beside the blocks. */
  private static final Map<String, String> AROUND =
      Map.of(
          "cls_token",
          "embeddings.cls_token",
          "mask_token",
          "embeddings.mask_token",
          "patch_embed.proj",
          "embeddings.patch_embeddings.projection",
          BackboneTensors.SHARED_TABLE,
          "encoder.relative_position_bias." + BackboneTensors.TABLE);

  /**
   * A class of transformers.
   *
   * @param prefix of its transformer's names
   * @param heads what lies behind the blocks: official names to names with their prefix
   * @param meanPooling whether there is no norm before the pooling
   */
  private record Form(
      String architecture, String prefix, Map<String, String> heads, boolean meanPooling) {}

  private TransformersExport() {}

  static Export of(SourceModel model, int shorterSide) throws InvalidCheckpointException {
    if (!(model.config() instanceof ClassifierConfig config)) {
      VitConfig backbone = BackboneTensors.require(model);
      return export(
          model,
          new Form("BeitModel", "", Map.of("norm", "layernorm"), false),
          shorterSide,
          "AutoModel",
          """
          output = model(pixel_values=images)
          output.last_hidden_state  # [B, %1$d, %2$d] after the last norm, [CLS] first
          output.pooler_output      # [B, %2$d], [CLS]
          """
              .formatted(1 + backbone.patches(), backbone.dim()));
    }
    Map<String, String> heads =
        config.meanPooling()
            ? Map.of("fc_norm", "beit.pooler.layernorm", "head", "classifier")
            : Map.of("norm", "beit.layernorm", "head", "classifier");
    return export(
        model,
        new Form("BeitForImageClassification", "beit.", heads, config.meanPooling()),
        shorterSide,
        "AutoModelForImageClassification",
        "logits = model(pixel_values=images).logits  # [B, %d]\n".formatted(config.classes()));
  }

  static Export maskedImageModel(SourceModel model, int shorterSide)
      throws InvalidCheckpointException {
    VitConfig backbone = BackboneTensors.require(model);
    int vocabulary = ((MimConfig) model.config()).vocabulary();
    return export(
        model,
        // Mean pooling, since the norm of the tokens is the head's.
        new Form(
            "BeitForMaskedImageModeling",
            "beit.",
            Map.of("norm", "layernorm", "lm_head", "lm_head"),
            true),
        shorterSide,
        "BeitForMaskedImageModeling",
        """
        output = model(pixel_values=images, bool_masked_pos=masked)  # masked [B, %1$d]
        output.logits  # [B, %1$d, %2$d], a code for each patch
        """
            .formatted(backbone.patches(), vocabulary));
  }

  private static Export export(
      SourceModel model, Form form, int shorterSide, String loader, String use)
      throws InvalidCheckpointException {
    VitConfig backbone = BackboneTensors.require(model);
    return new Export(
        List.of(
            Export.safetensors(model, Export.PYTORCH, tensors(model, form)),
            Export.json("config.json", config(model, form, backbone)),
            Export.json("preprocessor_config.json", processor(backbone.imageSize(), shorterSide))),
        Export.NORMALIZED,
        "transformers",
        """
        from transformers import AutoImageProcessor, %1$s
        processor = AutoImageProcessor.from_pretrained("DIR")
        model = %1$s.from_pretrained("DIR").eval()
        images = processor(photographs, return_tensors="pt").pixel_values
        """
                .formatted(loader)
            + use);
  }

  private static Map<String, Entry> tensors(SourceModel model, Form form) {
    Map<String, Entry> tensors = new LinkedHashMap<>();
    model
        .tensors()
        .forEach(
            (official, tensor) -> {
              Matcher block = BLOCK.matcher(official);
              if (block.matches()) {
                String layer = form.prefix() + "encoder.layer." + block.group(1) + ".";
                String name = block.group(2);
                if (name.equals(QKV)) {
                  putThirds(tensors, layer + "attention.attention.", tensor);
                } else {
                  put(tensors, layer, IN_BLOCK, name, tensor);
                }
              } else {
                put(tensors, form.prefix(), AROUND, official, tensor);
                put(tensors, "", form.heads(), official, tensor);
              }
            });
    return tensors;
  }

  /** Puts a tensor if the class has it: by its whole name, or by that of its module. */
  private static void put(
      Map<String, Entry> tensors,
      String prefix,
      Map<String, String> names,
      String official,
      Entry tensor) {
    int dot = official.lastIndexOf('.');
    if (names.containsKey(official)) {
      tensors.put(prefix + names.get(official), tensor);
    } else if (dot > 0 && names.containsKey(official.substring(0, dot))) {
      String module = names.get(official.substring(0, dot));
      tensors.put(prefix + module + official.substring(dot), tensor);
    }
  }

  /** The rows [3D, D] of queries, keys and values become three matrices [D, D]. */
  private static void putThirds(Map<String, Entry> tensors, String attention, Entry qkv) {
    long size = qkv.size() / THIRDS.size();
    List<Long> shape = List.of(qkv.shape().get(0) / THIRDS.size(), qkv.shape().get(1));
    long start = qkv.start();
    for (String third : THIRDS) {
      tensors.put(
          attention + third + ".weight", new Entry(qkv.dtype(), shape, start, start + size));
      start += size;
    }
  }

  private static Map<String, Object> config(SourceModel model, Form form, VitConfig backbone) {
    Map<String, Object> config = new LinkedHashMap<>();
    config.put("architectures", List.of(form.architecture()));
    config.put("model_type", "beit");
    config.put("hidden_size", backbone.dim());
    config.put("num_hidden_layers", backbone.depth());
    config.put("num_attention_heads", backbone.heads());
    config.put("intermediate_size", backbone.mlpDim());
    config.put("hidden_act", "gelu");
    config.put("hidden_dropout_prob", 0.0);
    config.put("attention_probs_dropout_prob", 0.0);
    config.put("drop_path_rate", backbone.dropPath());
    config.put("layer_norm_eps", 1e-6);
    config.put("layer_scale_init_value", backbone.layerScale());
    config.put("image_size", backbone.imageSize());
    config.put("patch_size", backbone.patchSize());
    config.put("num_channels", backbone.channels());
    config.put("use_absolute_position_embeddings", false);
    config.put(
        "use_shared_relative_position_bias", backbone.positions() == Positions.SHARED_RELATIVE);
    config.put("use_relative_position_bias", backbone.positions() == Positions.RELATIVE);
    config.put("use_mask_token", model.kind() == Network.Kind.MIM);
    config.put("use_mean_pooling", form.meanPooling());
    if (model.config() instanceof MimConfig mim) {
      config.put("vocab_size", mim.vocabulary());
    } else {
      putLabels(config, ((ClassifierConfig) model.config()).classes());
    }
    config.put("torch_dtype", "float32");
    return config;
  }

  private static void putLabels(Map<String, Object> config, int classes) {
    Map<String, String> names = new LinkedHashMap<>();
    Map<String, Integer> labels = new LinkedHashMap<>();
    for (int label = 0; label < classes; label++) {
      names.put(Integer.toString(label), "LABEL_" + label);
      labels.put("LABEL_" + label, label);
    }
    config.put("id2label", names);
    config.put("label2id", labels);
  }

  /**
   * The evaluation crop. {@code BeitImageProcessor} would squash an image to a square; CLIP's
   * resizes the shorter side.
   */
  private static Map<String, Object> processor(int side, int shorterSide) {
    Map<String, Object> processor = new LinkedHashMap<>();
    processor.put("image_processor_type", "CLIPImageProcessor");
    processor.put("do_convert_rgb", true);
    processor.put("do_resize", true);
    processor.put("size", Map.of("shortest_edge", shorterSide));
    processor.put("resample", 3); // bicubic
    processor.put("do_center_crop", true);
    processor.put("crop_size", new TreeMap<>(Map.of("height", side, "width", side)));
    processor.put("do_rescale", true);
    processor.put("rescale_factor", 1 / 255.0);
    processor.put("do_normalize", true);
    processor.put("image_mean", ImageNet.mean());
    processor.put("image_std", ImageNet.std());
    return processor;
  }
}
