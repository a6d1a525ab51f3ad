package dev.beit2.model;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import com.google.gson.JsonElement;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import dev.beit2.model.checkpoint.ModelMetadata;
import dev.beit2.model.checkpoint.Safetensors;
import dev.beit2.model.eval.Classifier;
import dev.beit2.model.eval.ClassifierConfig;
import dev.beit2.model.mim.BlockwiseMask;
import dev.beit2.model.mim.MaskedImageModel;
import dev.beit2.model.mim.MaskedImageModel.Output;
import dev.beit2.model.mim.MaskedPatches;
import dev.beit2.model.mim.MimConfig;
import dev.beit2.model.teacher.Teacher;
import dev.beit2.model.tokenizer.CodebookUpdate;
import dev.beit2.model.tokenizer.KMeans;
import dev.beit2.model.tokenizer.VqKd;
import dev.beit2.model.tokenizer.VqKdConfig;
import dev.beit2.model.torch.Kernels;
import dev.beit2.model.torch.Precision;
import dev.beit2.model.torch.StateDict;
import dev.beit2.model.torch.Torch;
import dev.beit2.model.train.AdamW;
import dev.beit2.model.train.AdamWConfig;
import dev.beit2.model.train.AdamWTrainer;
import dev.beit2.model.train.CosineSchedule;
import dev.beit2.model.train.FineTuningTrainer;
import dev.beit2.model.train.MimTrainer;
import dev.beit2.model.train.ParameterGroups;
import dev.beit2.model.train.VqKdTrainer;
import dev.beit2.model.vit.DropPath;
import dev.beit2.model.vit.RelativePosition;
import dev.beit2.model.vit.VitConfig;
import dev.beit2.model.vit.VitConfig.Positions;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.FloatBuffer;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.SplittableRandom;
import java.util.TreeSet;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.function.ToDoubleFunction;
import java.util.stream.Stream;
import org.junit.jupiter.api.DynamicTest;
import org.junit.jupiter.api.TestFactory;

/**
 * Holds every network, loss and training step against vectors computed with the official PyTorch
 * code. Reads all files of {@code -Dreference.dir} (default: the copies in the test resources); the
 * check follows from a file's {@code kind}, all sizes from its metadata and tensors.
 */
class ReferenceParityTest {
  private static final double OUTPUT = 2e-5;
  private static final double GRADIENT = 1e-4;
  private static final double PARAMETER = 1e-4;
  // Of a whole training: relative to how far the training has moved a tensor.
  private static final double MOVEMENT = 1e-3;

  private static final Set<String> KINDS =
      Set.of(
          "mim",
          "vqkd",
          "finetune",
          "mim_training",
          "vqkd_training",
          "finetune_training",
          "kmeans",
          "clip_teacher",
          "dino_teacher",
          "block_masking",
          "cosine_schedule",
          "relative_position");

  private final Kernels kernels = Kernels.of(Precision.FP32);

  @TestFactory
  Stream<DynamicTest> everyFile() throws IOException {
    String directory = System.getProperty("reference.dir", "src/test/resources/reference");
    List<Path> files;
    try (Stream<Path> found = Files.list(Path.of(directory))) {
      files = found.filter(f -> f.toString().endsWith(".safetensors")).sorted().toList();
    }
    assertFalse(files.isEmpty(), "no reference vectors in " + directory);
    return Stream.concat(
        Stream.of(DynamicTest.dynamicTest("every kind has a file", () -> everyKind(files))),
        files.stream()
            .map(
                file -> DynamicTest.dynamicTest(file.getFileName().toString(), () -> check(file))));
  }

  private static void everyKind(List<Path> files) throws IOException {
    Set<String> found = new TreeSet<>();
    for (Path file : files) {
      try (FileChannel channel = FileChannel.open(file)) {
        found.add(Safetensors.header(channel).metadata().get("kind"));
      }
    }
    assertEquals(new TreeSet<>(KINDS), found);
  }

  private void check(Path file) throws IOException {
    try (FileChannel channel = FileChannel.open(file);
        Safetensors vectors = Safetensors.read(channel);
        NDManager manager = Torch.newManager()) {
      Reference reference = new Reference(vectors, manager);
      switch (reference.text("kind")) {
        case "mim" -> mim(reference);
        case "vqkd" -> vqkd(reference);
        case "finetune" -> finetune(reference);
        case "mim_training" -> mimTraining(reference);
        case "vqkd_training" -> vqkdTraining(reference);
        case "finetune_training" -> fineTuning(reference);
        case "kmeans" -> kmeans(reference);
        case "clip_teacher" -> teacher(reference, (s, h) -> Teacher.clip(kernels, s, h));
        case "dino_teacher" -> teacher(reference, (s, h) -> Teacher.dino(kernels, s, h));
        case "block_masking" -> blockMasking(reference);
        case "cosine_schedule" -> cosineSchedule(reference);
        case "relative_position" -> relativePosition(reference);
        default -> throw new AssertionError("no check for kind " + reference.text("kind"));
      }
    }
  }

  /** A file's metadata and tensors, and the comparisons with them. */
  private record Reference(Safetensors vectors, NDManager manager) {
    String text(String name) {
      String text = vectors.metadata().get(name);
      if (text == null) {
        throw new AssertionError("no metadata " + name);
      }
      return text;
    }

    int integer(String name) {
      return Integer.parseInt(text(name));
    }

    double number(String name) {
      return Double.parseDouble(text(name));
    }

    boolean flag(String name) {
      return text(name).equalsIgnoreCase("true");
    }

    JsonObject optimizer() {
      return JsonParser.parseString(text("optimizer")).getAsJsonObject();
    }

    NDArray tensor(String name) {
      return vectors.tensors().get(name);
    }

    boolean has(String name) {
      return vectors.metadata().containsKey(name);
    }

    /** A fresh copy of the parameters before training. */
    StateDict parameters() {
      StateDict state = new StateDict();
      vectors.under("param.").forEach((name, tensor) -> state.put(name, tensor.duplicate()));
      return state;
    }

    void close(String name, NDArray actual, double tolerance) {
      NDArray expected = tensor(name);
      assertArrayEquals(expected.getShape().getShape(), actual.getShape().getShape(), name);
      float[] wanted = expected.toFloatArray();
      float[] found = actual.toFloatArray();
      double worst = 0;
      for (int i = 0; i < wanted.length; i++) {
        double difference = Math.abs(wanted[i] - found[i]);
        worst = Double.isNaN(difference) ? Double.POSITIVE_INFINITY : Math.max(worst, difference);
      }
      double difference = worst;
      assertTrue(
          difference <= tolerance,
          () -> "%s differs by %g, allowed is %g".formatted(name, difference, tolerance));
    }

    void closeRelative(String name, NDArray actual, double tolerance) {
      double largest = tensor(name).abs().max().getFloat();
      // A gradient that is zero in theory (softmax does not see a constant) is rounding noise in
      // both codes.
      close(name, actual, Math.max(tolerance * largest, 1e-9));
    }
  }

  private interface Step {
    /** The loss [] of the training forward. */
    NDArray loss(NDManager manager);
  }

  /** Gradients of the first step, then all optimizer steps, on the given parameters. */
  private void training(
      Reference reference,
      Function<StateDict, Step> network,
      Predicate<String> trained,
      ToDoubleFunction<String> scale) {
    JsonObject optimizer = reference.optimizer();
    AdamWConfig config = adamW(optimizer);
    gradients(reference, network, trained);
    try (StateDict state = reference.parameters();
        AdamW adamW =
            new AdamW(
                kernels,
                state,
                config,
                ParameterGroups.of(state, state.names(trained), config.weightDecay(), scale))) {
      Step step = network.apply(state);
      List<Double> losses = new ArrayList<>();
      List<Double> norms = new ArrayList<>();
      for (JsonElement rate : optimizer.getAsJsonArray("lr")) {
        try (NDManager manager = Torch.newManager()) {
          NDArray loss = step.loss(manager);
          losses.add((double) loss.getFloat());
          NDList gradients = adamW.gradients(manager, loss);
          norms.add(adamW.step(manager, gradients, rate.getAsDouble()));
        }
      }
      for (int i = 0; i < losses.size(); i++) {
        double norm = reference.tensor("out.grad_norms").getFloat(i);
        assertEquals(
            reference.tensor("out.step_losses").getFloat(i), losses.get(i), OUTPUT, "loss " + i);
        assertEquals(norm, norms.get(i), GRADIENT * norm, "gradient norm " + i);
      }
      for (String name : reference.vectors().under("after.").keySet()) {
        reference.close("after." + name, state.get(name), PARAMETER);
      }
    }
  }

  private void gradients(
      Reference reference, Function<StateDict, Step> network, Predicate<String> trained) {
    AdamWConfig unclipped = new AdamWConfig(0.9, 0.999, 1e-8, 0, 0);
    try (StateDict state = reference.parameters();
        NDManager manager = Torch.newManager();
        AdamW adamW =
            new AdamW(
                kernels,
                state,
                unclipped,
                ParameterGroups.of(state, state.names(trained), 0, name -> 1))) {
      NDList found = adamW.gradients(manager, network.apply(state).loss(manager));
      assertFalse(reference.vectors().under("grad.").isEmpty());
      for (int i = 0; i < adamW.names().size(); i++) {
        reference.closeRelative("grad." + adamW.names().get(i), found.get(i), GRADIENT);
      }
    }
  }

  private static VitConfig vit(Reference r, String dim, String depth, Positions positions) {
    double layerScale = r.has("layer_scale") ? r.number("layer_scale") : 0;
    return new VitConfig(
        r.integer("image_size"),
        r.integer("patch_size"),
        r.has("in_chans") ? r.integer("in_chans") : 3,
        r.integer(dim),
        r.integer(depth),
        r.integer("heads"),
        r.has("mlp_ratio") ? r.number("mlp_ratio") : 4,
        positions,
        layerScale,
        0);
  }

  private static MimConfig mimConfig(Reference reference) {
    boolean aggregates = reference.flag("aggregation");
    return new MimConfig(
        vit(reference, "dim", "depth", Positions.SHARED_RELATIVE),
        reference.integer("vocab"),
        aggregates ? reference.integer("early_layers") : 0,
        aggregates ? reference.integer("head_layers") : 0,
        reference.flag("shared_head"));
  }

  private void mim(Reference reference) {
    MimConfig config = mimConfig(reference);
    NDArray images = reference.tensor("in.image");
    MaskedPatches masked = masked(reference);

    try (StateDict state = reference.parameters()) {
      NDManager manager = reference.manager();
      MaskedImageModel model = new MaskedImageModel(config, kernels, state);
      Output output = model.forward(manager, images, masked, DropPath.NONE);
      reference.close("out.logits", output.mim().logits(), OUTPUT);
      reference.close("out.loss", output.mim().loss(), OUTPUT);
      reference.close(
          "out.patch_tokens", kernels.call(manager, "patch_tokens", output.tokens()), OUTPUT);
      if (config.aggregates()) {
        reference.close("out.cls_pt_logits", output.aggregation().logits(), OUTPUT);
        reference.close("out.cls_pt_loss", output.aggregation().loss(), OUTPUT);
      }
      reference.close("out.total_loss", output.loss(), OUTPUT);
    }
    training(
        reference,
        state -> {
          MaskedImageModel model = new MaskedImageModel(config, kernels, state);
          return manager -> model.forward(manager, images, masked, DropPath.NONE).loss();
        },
        name -> !name.endsWith("relative_position_index"),
        name -> 1);
  }

  private static MaskedPatches masked(Reference reference) {
    long[] mask = reference.tensor("in.mask").toType(DataType.INT64, true).toLongArray();
    long[] codes = reference.tensor("in.codes").toType(DataType.INT64, true).toLongArray();
    boolean[] masks = new boolean[mask.length];
    int[] ints = new int[mask.length];
    for (int i = 0; i < mask.length; i++) {
      masks[i] = mask[i] != 0;
      ints[i] = (int) codes[i];
    }
    int batch = (int) reference.tensor("in.mask").getShape().get(0);
    return MaskedPatches.of(reference.manager(), masks, ints, batch);
  }

  private static VqKdConfig vqKdConfig(Reference reference) {
    VitConfig encoder = vit(reference, "encoder_dim", "encoder_depth", Positions.ABSOLUTE);
    VitConfig decoder =
        vit(reference, "decoder_dim", "decoder_depth", Positions.ABSOLUTE)
            .withInput(encoder.grid(), 1, reference.integer("code_dim"));
    return new VqKdConfig(
        encoder,
        decoder,
        reference.integer("codebook_size"),
        reference.integer("code_dim"),
        reference.integer("teacher_dim"),
        reference.number("decay"),
        reference.number("beta"),
        0);
  }

  private void vqkd(Reference reference) {
    VqKdConfig config = vqKdConfig(reference);
    NDArray images = reference.tensor("in.image");
    NDArray target = reference.tensor("in.target");

    try (StateDict state = reference.parameters()) {
      VqKd network = new VqKd(config, kernels, state);
      VqKd.Output output = network.forward(reference.manager(), images, target, 0);
      VqKd.Usage usage = network.updateCodebook(reference.manager(), output.vectors(), 0);
      assertArrayEquals(
          reference.tensor("out.codes").toLongArray(),
          output.vectors().codes().toLongArray(),
          "codes");
      NDArray z = output.vectors().z().reshape(reference.tensor("out.z").getShape());
      reference.close("out.z", z, OUTPUT);
      reference.close("out.reconstruction", output.reconstruction(), OUTPUT);
      reference.close("out.rec_loss", output.reconstructionLoss(), OUTPUT);
      reference.close("out.quant_loss", output.commitmentLoss(), OUTPUT);
      assertEquals(reference.integer("codes_in_use"), usage.codesInUse());
      for (String name : reference.vectors().under("after_one_forward.").keySet()) {
        reference.close("after_one_forward." + name, state.get(name), OUTPUT);
      }
    }
    training(
        reference,
        state -> {
          VqKd network = new VqKd(config, kernels, state);
          return manager -> {
            VqKd.Output output = network.forward(manager, images, target, 0);
            network.updateCodebook(manager, output.vectors(), 0);
            return output.loss();
          };
        },
        name -> VqKd.isTrained(name, CodebookUpdate.EMA),
        name -> 1);
  }

  private static ClassifierConfig classifierConfig(Reference reference) {
    Positions positions =
        switch (reference.text("relative_position_bias")) {
          case "per block" -> Positions.RELATIVE;
          case "shared" -> Positions.SHARED_RELATIVE;
          default -> Positions.ABSOLUTE;
        };
    return new ClassifierConfig(
        vit(reference, "dim", "depth", positions),
        reference.integer("classes"),
        reference.flag("mean_pooling"));
  }

  private void finetune(Reference reference) {
    ClassifierConfig config = classifierConfig(reference);
    NDArray images = reference.tensor("in.image");
    NDArray labels = reference.tensor("in.labels");
    double smoothing = reference.number("label_smoothing");

    try (StateDict state = reference.parameters()) {
      NDManager manager = reference.manager();
      Classifier classifier = new Classifier(config, kernels, state);
      NDArray features = classifier.features(manager, images);
      NDArray logits = classifier.logits(manager, features);
      reference.close("out.features", features, OUTPUT);
      reference.close("out.logits", logits, OUTPUT);
      reference.close("out.loss", classifier.loss(manager, logits, labels, smoothing), OUTPUT);
    }
    double layerDecay = reference.optimizer().get("layer_decay").getAsDouble();
    training(
        reference,
        state -> {
          Classifier classifier = new Classifier(config, kernels, state);
          return manager -> {
            NDArray features = classifier.features(manager, images);
            return classifier.loss(
                manager, classifier.logits(manager, features), labels, smoothing);
          };
        },
        name -> !name.endsWith("relative_position_index"),
        ParameterGroups.layerwise(layerDecay, config.backbone().depth()));
  }

  /** A batch per step, which a trainer takes as the pipelines give it. */
  private interface Batches {
    Map<String, Double> step(int step, ByteBuffer pixels, int batch);
  }

  /** The steps of a whole training by a trainer; {@code losses} are metrics by the file's names. */
  private void wholeTraining(
      Reference reference,
      AdamWTrainer trainer,
      String kind,
      Record config,
      Map<String, String> losses,
      Batches batches)
      throws IOException {
    ByteArrayOutputStream model = new ByteArrayOutputStream();
    Safetensors.write(
        Channels.newChannel(model),
        ModelMetadata.of(kind, config).toMap(),
        reference.vectors().under("param."));
    trainer.restoreModel(Channels.newChannel(new ByteArrayInputStream(model.toByteArray())));
    NDArray pixels = reference.tensor("in.pixels");
    int batch = (int) pixels.getShape().get(1);
    for (int step = 0; step < reference.integer("steps"); step++) {
      ByteBuffer images = pixels.get(step).toByteBuffer();
      ByteBuffer direct = ByteBuffer.allocateDirect(images.remaining()).order(images.order());
      Map<String, Double> metrics = batches.step(step, direct.put(images).flip(), batch);
      String at = " of step " + step;
      double rate = reference.tensor("out.learning_rates").getDouble(step);
      assertEquals(rate, metrics.get("learning_rate"), 1e-9, "learning rate" + at);
      double norm = reference.tensor("out.grad_norms").getFloat(step);
      assertEquals(norm, metrics.get("gradient_norm"), GRADIENT * norm, "gradient norm" + at);
      for (Map.Entry<String, String> loss : losses.entrySet()) {
        double wanted = reference.tensor("out.losses." + loss.getKey()).getFloat(step);
        double found = metrics.get(loss.getValue());
        assertEquals(wanted, found, GRADIENT * Math.abs(wanted), loss.getKey() + at);
      }
    }
    assertFalse(reference.vectors().under("after.").isEmpty());
    for (String name : reference.vectors().under("after.").keySet()) {
      moved(reference, name, trainer.values(name));
    }
  }

  /** The Frobenius norm of the difference is small beside that of the movement. */
  private static void moved(Reference reference, String name, FloatBuffer found) {
    float[] before = reference.tensor("param." + name).toFloatArray();
    float[] after = reference.tensor("after." + name).toFloatArray();
    assertEquals(after.length, found.remaining(), name);
    double difference = 0;
    double movement = 0;
    for (int i = 0; i < after.length; i++) {
      difference += Math.pow(found.get(i) - after[i], 2);
      movement += Math.pow(after[i] - before[i], 2);
    }
    double ratio = movement == 0 ? difference : Math.sqrt(difference / movement);
    assertTrue(
        ratio <= MOVEMENT,
        () -> "%s differs by %g of its movement, allowed is %g".formatted(name, ratio, MOVEMENT));
  }

  private static AdamWConfig adamW(JsonObject optimizer) {
    return new AdamWConfig(
        optimizer.getAsJsonArray("betas").get(0).getAsDouble(),
        optimizer.getAsJsonArray("betas").get(1).getAsDouble(),
        optimizer.get("eps").getAsDouble(),
        optimizer.get("weight_decay").getAsDouble(),
        optimizer.get("clip_grad").getAsDouble());
  }

  private static CosineSchedule schedule(Reference reference) {
    JsonObject optimizer = reference.optimizer();
    return new CosineSchedule(
        optimizer.get("peak").getAsDouble(),
        optimizer.get("start").getAsDouble(),
        optimizer.get("final").getAsDouble(),
        optimizer.get("warmup_steps").getAsLong(),
        reference.integer("steps"));
  }

  private void mimTraining(Reference reference) throws IOException {
    MimConfig config = mimConfig(reference);
    long[] masks = reference.tensor("in.mask").toType(DataType.INT64, true).toLongArray();
    long[] codes = reference.tensor("in.codes").toType(DataType.INT64, true).toLongArray();
    Map<String, String> losses =
        config.aggregates()
            ? Map.of("last_layer", "mim_loss", "aggregation", "aggregation_loss")
            : Map.of("last_layer", "mim_loss");
    try (MimTrainer trainer =
        MimTrainer.start(
            config, adamW(reference.optimizer()), schedule(reference), 1, Precision.FP32)) {
      wholeTraining(
          reference,
          trainer,
          "mim",
          config,
          losses,
          (step, pixels, batch) -> {
            int patches = batch * config.backbone().patches();
            boolean[] masked = new boolean[patches];
            int[] labels = new int[patches];
            for (int i = 0; i < patches; i++) {
              masked[i] = masks[step * patches + i] != 0;
              labels[i] = (int) codes[step * patches + i];
            }
            return trainer.step(pixels, masked, labels, batch);
          });
    }
  }

  private void vqkdTraining(Reference reference) throws IOException {
    VqKdConfig config = vqKdConfig(reference);
    StateDict weights = new StateDict();
    reference
        .vectors()
        .under("teacher.")
        .forEach((name, tensor) -> weights.put(name, tensor.duplicate()));
    int heads = reference.integer("teacher_heads");
    Teacher teacher =
        switch (reference.text("teacher")) {
          case "clip" -> Teacher.clip(kernels, weights, heads);
          case "dino" -> Teacher.dino(kernels, weights, heads);
          default -> throw new AssertionError("no teacher " + reference.text("teacher"));
        };
    try (VqKdTrainer trainer =
        VqKdTrainer.start(
            config,
            teacher,
            adamW(reference.optimizer()),
            schedule(reference),
            1,
            Precision.FP32)) {
      wholeTraining(
          reference,
          trainer,
          "vqkd",
          config,
          Map.of("quantization", "commitment_loss", "reconstruction", "reconstruction_loss"),
          (step, pixels, batch) -> trainer.step(pixels, batch));
    }
  }

  private void fineTuning(Reference reference) throws IOException {
    ClassifierConfig config = classifierConfig(reference);
    NDArray targets = reference.tensor("in.targets");
    try (FineTuningTrainer trainer =
        FineTuningTrainer.start(
            config,
            adamW(reference.optimizer()),
            reference.optimizer().get("layer_decay").getAsDouble(),
            schedule(reference),
            1,
            Precision.FP32)) {
      wholeTraining(
          reference,
          trainer,
          "classifier",
          config,
          Map.of("soft_target", "loss"),
          (step, pixels, batch) -> trainer.step(pixels, targets.get(step).toFloatArray(), batch));
    }
  }

  private interface TeacherFactory {
    Teacher of(StateDict weights, int heads);
  }

  private void teacher(Reference reference, TeacherFactory factory) {
    try (Teacher teacher = factory.of(reference.parameters(), reference.integer("heads"))) {
      reference.close(
          "out.features",
          teacher.features(reference.manager(), reference.tensor("in.image")),
          OUTPUT);
      assertEquals(reference.tensor("out.features").getShape().get(2), teacher.dimension());
    }
  }

  private void kmeans(Reference reference) {
    KMeans.Clusters clusters =
        KMeans.run(
            kernels,
            reference.manager(),
            reference.tensor("in.samples"),
            reference.tensor("in.initial_means"),
            reference.integer("iterations"));
    reference.close("out.means", clusters.means(), OUTPUT);
    assertArrayEquals(
        reference.tensor("out.counts").toLongArray(), clusters.counts().toLongArray(), "counts");
  }

  private static void blockMasking(Reference reference) {
    int grid = reference.integer("grid");
    int masked = reference.integer("masked");
    int samples = reference.integer("samples");
    BlockwiseMask masking =
        new BlockwiseMask(
            grid,
            masked,
            reference.integer("min_patches"),
            reference.has("max_patches") ? reference.integer("max_patches") : masked,
            reference.number("min_aspect"));
    SplittableRandom random = new SplittableRandom(1);
    double[] covered = new double[grid * grid];
    double pairs = 0;
    for (int i = 0; i < samples; i++) {
      boolean[] mask = masking.sample(random);
      int count = 0;
      for (int patch = 0; patch < mask.length; patch++) {
        if (mask[patch]) {
          count++;
          covered[patch] += 1.0 / samples;
          pairs += patch % grid + 1 < grid && mask[patch + 1] ? 1 : 0;
          pairs += patch + grid < mask.length && mask[patch + grid] ? 1 : 0;
        }
      }
      assertEquals(masked, count);
    }
    assertArrayEquals(reference.tensor("out.probability").toDoubleArray(), covered, 0.015);
    double wanted = reference.tensor("out.adjacent_pairs").getDouble(0);
    assertEquals(wanted, pairs / samples, 0.01 * wanted, "adjacent pairs");
  }

  private static void cosineSchedule(Reference reference) {
    List<JsonElement> cases =
        JsonParser.parseString(reference.text("cases")).getAsJsonArray().asList();
    assertFalse(cases.isEmpty());
    for (int i = 0; i < cases.size(); i++) {
      Map<String, JsonElement> c = cases.get(i).getAsJsonObject().asMap();
      long perEpoch = c.get("steps_per_epoch").getAsLong();
      CosineSchedule schedule =
          new CosineSchedule(
              c.get("base").getAsDouble(),
              c.get("start").getAsDouble(),
              c.get("final").getAsDouble(),
              c.get("warmup_epochs").getAsLong() * perEpoch,
              c.get("epochs").getAsLong() * perEpoch);
      double[] wanted = reference.tensor("out.schedule_" + i).toDoubleArray();
      assertEquals(wanted.length, schedule.steps());
      for (int step = 0; step < wanted.length; step++) {
        assertEquals(wanted[step], schedule.at(step), 1e-9, "case " + i + ", step " + step);
      }
    }
  }

  private static void relativePosition(Reference reference) {
    assertArrayEquals(
        reference.tensor("out.index").toLongArray(),
        RelativePosition.index(reference.integer("window")));
  }
}
