package dev.beit2.model.export;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.onnxruntime.OnnxTensor;
import ai.onnxruntime.OnnxValue;
import ai.onnxruntime.OrtEnvironment;
import ai.onnxruntime.OrtException;
import ai.onnxruntime.OrtSession;
import ai.onnxruntime.TensorInfo;
import dev.beit2.model.TestImages;
import dev.beit2.model.torch.Kernels;
import dev.beit2.model.torch.Precision;
import dev.beit2.model.torch.StateDict;
import dev.beit2.model.vit.ImageNet;
import dev.beit2.model.vit.Vit;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.FloatBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** onnxruntime runs the exported graphs. */
class OnnxExportTest {
  private static final int SIDE = 64;
  private static final float TOLERANCE = 1e-5f;

  @TempDir Path folder;

  /** The outputs for images [B, 3, S, S] in [0, 1]. */
  private Map<String, float[]> run(Golden golden, FloatBuffer images, int batch)
      throws IOException, OrtException {
    Path to = Files.createTempDirectory(folder, "onnx");
    Path file = Golden.write(ExportFormat.ONNX.export(golden.model(), 73), to).get("model.onnx");
    OrtEnvironment environment = OrtEnvironment.getEnvironment();
    try (OrtSession session = environment.createSession(file.toString());
        OnnxTensor input =
            OnnxTensor.createTensor(
                environment,
                images.slice(0, batch * 3 * SIDE * SIDE),
                new long[] {batch, 3, SIDE, SIDE});
        OrtSession.Result result = session.run(Map.of("images_0_to_1", input))) {
      TensorInfo declared = (TensorInfo) session.getInputInfo().get("images_0_to_1").getInfo();
      assertArrayEquals(new long[] {-1, 3, SIDE, SIDE}, declared.getShape());
      Map<String, float[]> outputs = new HashMap<>();
      for (Map.Entry<String, OnnxValue> output : result) {
        FloatBuffer values = ((OnnxTensor) output.getValue()).getFloatBuffer();
        float[] copy = new float[values.remaining()];
        values.get(copy);
        outputs.put(output.getKey(), copy);
      }
      return outputs;
    }
  }

  @Test
  void featuresAreThoseOfTheBackbone() throws IOException, OrtException {
    ByteBuffer images = TestImages.gratings(3, SIDE, 7, 5);
    Kernels kernels = Kernels.of(Precision.FP32);
    try (Golden golden = Golden.mim(folder);
        StateDict state = new StateDict();
        NDManager manager = state.newManager()) {
      golden.parameters().forEach((name, tensor) -> state.put(name, tensor.duplicate()));
      Vit vit = new Vit(golden.model().backbone(), kernels, state, "");
      NDArray input = manager.create(images, new Shape(3, 3, SIDE, SIDE), DataType.FLOAT32);
      NDArray x = vit.patchEmbed(manager, ImageNet.normalize(kernels, manager, input));
      x = vit.norm(manager, vit.blocks(manager, vit.embed(manager, x)), "norm");
      for (int batch : new int[] {1, 3}) {
        Map<String, float[]> outputs = run(golden, images.asFloatBuffer(), batch);
        assertEquals(2, outputs.size());
        NDArray some = x.get(":" + batch);
        assertArrayEquals(some.get(":, 0").toFloatArray(), outputs.get("cls"), TOLERANCE);
        assertArrayEquals(some.get(":, 1:").toFloatArray(), outputs.get("patches"), TOLERANCE);
      }
    }
  }

  /** The logits of the official code, which has normalized the images. */
  @Test
  void logitsAreTheOfficialOnes() throws IOException, OrtException {
    try (Golden golden = Golden.classifier(folder)) {
      float[] images = golden.vectors().tensors().get("in.image").toFloatArray();
      int pixels = SIDE * SIDE;
      for (int i = 0; i < images.length; i++) {
        int channel = i / pixels % 3;
        images[i] = images[i] * ImageNet.std()[channel] + ImageNet.mean()[channel];
      }
      Map<String, float[]> outputs = run(golden, FloatBuffer.wrap(images), 4);
      float[] logits = golden.vectors().tensors().get("out.logits").toFloatArray();
      assertEquals(1, outputs.size());
      assertArrayEquals(logits, outputs.get("logits"), TOLERANCE);
    }
  }
}
