package dev.beit2.model.train;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import com.google.gson.JsonObject;
import com.google.gson.JsonParser;
import dev.beit2.model.checkpoint.ModelMetadata;
import dev.beit2.model.checkpoint.Safetensors;
import dev.beit2.model.segment.SegmenterConfig;
import dev.beit2.model.segment.UperNet;
import dev.beit2.model.torch.Kernels;
import dev.beit2.model.torch.Precision;
import dev.beit2.model.torch.StateDict;
import dev.beit2.model.torch.Torch;
import dev.beit2.model.vit.ImageNet;
import dev.beit2.model.vit.VitConfig;
import dev.beit2.model.vit.VitConfig.Positions;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.FloatBuffer;
import java.nio.channels.Channels;
import java.nio.channels.FileChannel;
import java.nio.file.Path;
import java.util.Map;
import java.util.TreeSet;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;

/**
 * Holds the segmenter and its training against vectors of PyTorch's own modules: see {@code
 * segment/make_segmentation.py}.
 */
class SegmentationParityTest {
  private static final double OUTPUT = 2e-5;
  private static final double GRADIENT = 1e-4;
  private static final double MOVEMENT = 1e-3;

  private Safetensors vectors;
  private NDManager manager;

  @BeforeEach
  void open() throws IOException {
    try (FileChannel in =
        FileChannel.open(Path.of("src/test/resources/segment/training.safetensors"))) {
      vectors = Safetensors.read(in);
    }
    manager = Torch.newManager();
  }

  @AfterEach
  void close() {
    manager.close();
    vectors.close();
  }

  private int integer(String name) {
    return Integer.parseInt(vectors.metadata().get(name));
  }

  private NDArray tensor(String name) {
    return vectors.tensors().get(name);
  }

  private SegmenterConfig config() {
    VitConfig backbone =
        new VitConfig(
            integer("side"),
            integer("patch"),
            3,
            integer("dim"),
            integer("depth"),
            integer("heads"),
            4,
            Positions.RELATIVE,
            0.1,
            0);
    return new SegmenterConfig(backbone, integer("classes"), integer("auxiliary_channels"));
  }

  @Test
  void theTensorsAreTheOfficialOnes() {
    TreeSet<String> names = new TreeSet<>(UperNet.layout(config()).tensors().keySet());
    assertEquals(new TreeSet<>(vectors.under("param.").keySet()), names);
  }

  private static void assertClose(NDArray wanted, NDArray found, double tolerance) {
    assertArrayEquals(wanted.getShape().getShape(), found.getShape().getShape());
    float[] w = wanted.toFloatArray();
    float[] f = found.toFloatArray();
    for (int i = 0; i < w.length; i++) {
      assertEquals(w[i], f[i], tolerance, "at " + i);
    }
  }

  private NDArray logits(StateDict state, UperNet.Mode mode) {
    Kernels kernels = Kernels.of(Precision.FP32);
    UperNet network = new UperNet(config(), kernels, state, null);
    NDArray images = ImageNet.normalize(kernels, manager, tensor("in.pixels").get(0));
    return network.logits(manager, network.pyramid(manager, images, mode), mode);
  }

  private StateDict state(String prefix) {
    StateDict state = new StateDict();
    vectors.under("param.").forEach((name, tensor) -> state.put(name, tensor.duplicate()));
    vectors.under(prefix).forEach((name, tensor) -> state.put(name, tensor.duplicate()));
    return state;
  }

  @Test
  void logitsOfTrainingAndInference() {
    try (StateDict before = state("param.");
        StateDict after = state("after.")) {
      UperNet.Mode training =
          new UperNet.Mode(
              true, UperNet.Mode.INFERENCE.dropPath(), UperNet.Mode.INFERENCE.dropout());
      assertClose(tensor("out.logits"), logits(before, training), OUTPUT);
      assertClose(tensor("out.after_logits"), logits(after, UperNet.Mode.INFERENCE), OUTPUT);
    }
  }

  @Test
  void aTrainingWithItsStatistics() throws IOException {
    JsonObject optimizer =
        JsonParser.parseString(vectors.metadata().get("optimizer")).getAsJsonObject();
    AdamWConfig adamW =
        new AdamWConfig(
            0.9,
            0.999,
            optimizer.get("eps").getAsDouble(),
            optimizer.get("weight_decay").getAsDouble(),
            0);
    LinearSchedule schedule =
        new LinearSchedule(
            optimizer.get("peak").getAsDouble(),
            1e-6,
            0,
            optimizer.get("warmup_steps").getAsLong(),
            optimizer.get("total_steps").getAsLong());
    try (SegmentationTrainer trainer =
        SegmentationTrainer.start(
            config(),
            adamW,
            optimizer.get("layer_decay").getAsDouble(),
            0,
            schedule,
            1,
            Precision.FP32,
            false)) {
      ByteArrayOutputStream model = new ByteArrayOutputStream();
      Safetensors.write(
          Channels.newChannel(model),
          ModelMetadata.of("segmenter", config()).toMap(),
          vectors.under("param."));
      trainer.restoreModel(Channels.newChannel(new ByteArrayInputStream(model.toByteArray())));
      for (int step = 0; step < integer("steps"); step++) {
        assertStep(trainer, step);
      }
      assertFalse(vectors.under("after.").isEmpty());
      for (String name : vectors.under("after.").keySet()) {
        // A batch norm follows, so that their gradients are rounding noise.
        if (!name.matches("backbone\\.fpn.*\\.bias") || name.startsWith("backbone.fpn1.1")) {
          assertMoved(name, trainer.values(name));
        }
      }
    }
  }

  private static ByteBuffer direct(NDArray tensor) {
    ByteBuffer bytes = tensor.toByteBuffer();
    return ByteBuffer.allocateDirect(bytes.remaining()).order(bytes.order()).put(bytes).flip();
  }

  private void assertStep(SegmentationTrainer trainer, int step) {
    NDArray pixels = tensor("in.pixels").get(step);
    Map<String, Double> metrics =
        trainer.step(
            direct(pixels), direct(tensor("in.labels").get(step)), (int) pixels.getShape().get(0));
    assertEquals(tensor("out.learning_rates").getDouble(step), metrics.get("learning_rate"), 1e-12);
    assertMetric("out.grad_norms", step, metrics.get("gradient_norm"));
    assertMetric("out.losses.all", step, metrics.get("loss"));
    assertMetric("out.losses.decode", step, metrics.get("decode_loss"));
    assertMetric("out.losses.auxiliary", step, metrics.get("auxiliary_loss"));
  }

  private void assertMetric(String name, int step, double found) {
    double wanted = tensor(name).getFloat(step);
    assertEquals(wanted, found, GRADIENT * Math.abs(wanted), name + " of step " + step);
  }

  /** The Frobenius norm of the difference is small beside that of the movement. */
  private void assertMoved(String name, FloatBuffer found) {
    float[] before = tensor("param." + name).toFloatArray();
    float[] after = tensor("after." + name).toFloatArray();
    assertEquals(after.length, found.remaining(), name);
    double difference = 0;
    double movement = 0;
    for (int i = 0; i < after.length; i++) {
      difference += Math.pow(found.get(i) - after[i], 2);
      movement += Math.pow(after[i] - before[i], 2);
    }
    double ratio = Math.sqrt(difference / movement);
    assertTrue(ratio <= MOVEMENT, () -> name + " differs by " + ratio + " of its movement");
  }
}
