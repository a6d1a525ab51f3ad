package dev.beit2.model.teacher;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import dev.beit2.model.checkpoint.InvalidCheckpointException;
import dev.beit2.model.checkpoint.PthFile;
import dev.beit2.model.checkpoint.Safetensors;
import dev.beit2.model.checkpoint.WeightsFile;
import dev.beit2.model.torch.Kernels;
import dev.beit2.model.torch.Normalization;
import dev.beit2.model.torch.Precision;
import dev.beit2.model.torch.Torch;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.util.Map;
import org.junit.jupiter.api.Test;

/**
 * Teachers from the files that people have: their features are those that Hugging Face's networks
 * compute. See {@code teachers/make_teachers.py}.
 */
class TeacherFileTest {
  private static final Normalization INPUT =
      new Normalization(new float[] {0.5f, 0.4f, 0.3f}, new float[] {0.2f, 0.3f, 0.4f}, 16);

  private final Kernels kernels = Kernels.of(Precision.FP32);

  private static byte[] file(String name) throws IOException {
    try (InputStream in = TeacherFileTest.class.getResourceAsStream("/teachers/" + name)) {
      return in.readAllBytes();
    }
  }

  private static String text(String name) throws IOException {
    return new String(file(name), UTF_8);
  }

  private Teacher clip(String name, Map<String, String> beside) throws IOException {
    return Teacher.clip(kernels, PthFile.channel(file(name)), beside);
  }

  private Teacher dino(String name) throws IOException {
    return Teacher.dino(kernels, PthFile.channel(file(name)));
  }

  private Teacher script(String name) throws IOException {
    return Teacher.torchScript(kernels, new ByteArrayInputStream(file(name)), INPUT);
  }

  private void assertFeatures(String kind, Teacher teacher, float tolerance) throws IOException {
    try (teacher;
        Safetensors expected = Safetensors.read(PthFile.channel(file("expected.safetensors")));
        NDManager manager = Torch.newManager()) {
      assertEquals(16, teacher.imageSize());
      assertEquals(2, teacher.grid());
      NDArray wanted = expected.tensors().get(kind);
      assertEquals(wanted.getShape().get(2), teacher.dimension());
      NDArray found = teacher.features(manager, expected.tensors().get("images"));
      assertEquals(wanted.getShape(), found.getShape());
      assertArrayEquals(wanted.toFloatArray(), found.toFloatArray(), tolerance);
    }
  }

  @Test
  void clipOfOpenAi() throws IOException {
    assertFeatures("clip", clip("openai-clip.pt", Map.of()), 1e-5f);
  }

  @Test
  void clipOfOpenClip() throws IOException {
    String config = text("openclip/open_clip_config.json");
    assertFeatures(
        "clip",
        clip("openclip/open_clip_pytorch_model.bin", Map.of("open_clip_config.json", config)),
        1e-5f);
  }

  @Test
  void clipOfHuggingFace() throws IOException {
    String config = text("huggingface-clip/config.json");
    assertFeatures(
        "clip", clip("huggingface-clip/model.safetensors", Map.of("config.json", config)), 1e-5f);
  }

  @Test
  void dinoOfItsAuthors() throws IOException {
    assertFeatures("dino", dino("dino.pth"), 1e-5f);
  }

  @Test
  void dinoOfHuggingFace() throws IOException {
    assertFeatures("dino", dino("huggingface-dino/model.safetensors"), 1e-5f);
  }

  @Test
  void anyProgram() throws IOException {
    assertFeatures("patches", script("patches.pt"), 1e-5f);
    assertEquals(
        "0.5, 0.4, 0.3",
        WeightsFile.extra(PthFile.channel(file("patches.pt")), "mean").orElseThrow());
    assertTrue(WeightsFile.extra(PthFile.channel(file("map.pt")), "mean").isEmpty());
    assertTrue(WeightsFile.extra(PthFile.channel(file("dino.pth")), "mean").isEmpty());
  }

  /** A picture of one colour keeps it, whatever its size. */
  @Test
  void imagesOfAnotherSizeAreResized() throws IOException {
    try (Teacher teacher = Teacher.resizing(kernels, script("patches.pt"));
        NDManager manager = Torch.newManager()) {
      NDArray small = manager.ones(new Shape(1, 3, 16, 16), DataType.FLOAT32).mul(0.7f);
      NDArray large = manager.ones(new Shape(1, 3, 48, 48), DataType.FLOAT32).mul(0.7f);
      assertArrayEquals(
          teacher.features(manager, small).toFloatArray(),
          teacher.features(manager, large).toFloatArray(),
          1e-5f);
    }
  }

  private interface Reading {
    Teacher read() throws IOException;
  }

  private static void assertRefused(String why, Reading reading) {
    String message = assertThrows(IOException.class, reading::read).getMessage();
    assertTrue(message.contains(why), message);
    assertEquals(1, message.lines().count(), message);
  }

  @Test
  void anotherActivation() throws IOException {
    assertRefused("found the activation gelu by its modules", () -> clip("gelu-clip.pt", Map.of()));
    String huggingFace = text("huggingface-clip/config.json").replace("quick_gelu", "gelu");
    assertRefused(
        "found the activation gelu by config.json",
        () -> clip("huggingface-clip/model.safetensors", Map.of("config.json", huggingFace)));
    String openClip = "{\"model_cfg\": {\"embed_dim\": 6}}";
    assertRefused(
        "found the activation gelu by open_clip_config.json",
        () ->
            clip(
                "openclip/open_clip_pytorch_model.bin", Map.of("open_clip_config.json", openClip)));
    assertRefused(
        "found no config.json beside it",
        () -> clip("huggingface-clip/model.safetensors", Map.of()));
  }

  @Test
  void filesOfSomethingElse() throws IOException {
    assertRefused("found no tensor patch_embed.proj.weight", () -> dino("openai-clip.pt"));
    assertRefused("found no open_clip_config.json beside it", () -> clip("dino.pth", Map.of()));
    assertRefused(
        "found no tensor visual.conv1.weight",
        () ->
            clip(
                "dino.pth",
                Map.of("open_clip_config.json", "{\"model_cfg\": {\"quick_gelu\": true}}")));
    assertRefused("found a program that makes (1, 5, 2, 2)", () -> script("map.pt"));
    assertRefused("PyTorch cannot load the program", () -> script("dino.pth"));
    assertThrows(
        InvalidCheckpointException.class,
        () -> Teacher.dino(kernels, PthFile.channel("no weights".getBytes(UTF_8))));
  }
}
