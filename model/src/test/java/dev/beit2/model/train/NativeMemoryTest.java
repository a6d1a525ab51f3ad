package dev.beit2.model.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.beit2.model.Pictures;
import dev.beit2.model.mim.MimConfig;
import dev.beit2.model.torch.Precision;
import dev.beit2.model.torch.Torch;
import dev.beit2.model.vit.VitConfig;
import dev.beit2.model.vit.VitConfig.Positions;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;

/**
 * What a training step takes of native memory, it gives back. Watched in a JVM of its own whose
 * heap is resident from the start, so that what grows is native.
 */
@EnabledOnOs(OS.LINUX)
class NativeMemoryTest {
  private static final int BATCH = 8;
  private static final int PATCHES = 16;

  @Test
  void staysFlatOver300Steps() throws IOException, InterruptedException {
    Process child =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xms128m",
                "-Xmx128m",
                "-XX:+AlwaysPreTouch",
                "-XX:TieredStopAtLevel=1",
                "-cp",
                System.getProperty("java.class.path"),
                NativeMemoryTest.class.getName())
            .redirectError(ProcessBuilder.Redirect.DISCARD)
            .start();
    List<String> lines = new String(child.getInputStream().readAllBytes()).lines().toList();
    assertTrue(child.waitFor(60, TimeUnit.SECONDS));
    assertEquals(0, child.exitValue());
    double[] megabytes =
        Arrays.stream(lines.get(lines.size() - 1).split(" "))
            .mapToDouble(Double::parseDouble)
            .toArray();
    assertTrue(megabytes[1] <= 1.03 * megabytes[0], () -> "resident megabytes: " + lines);
  }

  /** Prints resident megabytes after the warm-up and 300 steps later. */
  public static void main(String[] args) throws IOException {
    Torch.setThreads(1);
    VitConfig backbone = new VitConfig(64, 16, 3, 96, 4, 3, 4, Positions.SHARED_RELATIVE, 0.1, 0);
    ByteBuffer images = Pictures.gratings(BATCH, 64, 16, 1);
    boolean[] masks = new boolean[BATCH * PATCHES];
    for (int i = 0; i < masks.length; i++) {
      masks[i] = i % PATCHES < 6;
    }
    try (MimTrainer trainer =
        MimTrainer.start(
            new MimConfig(backbone, 64, 3, 2, true),
            AdamWConfig.pretraining(),
            new CosineSchedule(1.5e-3, 1e-6, 1e-5, 5, 1000),
            1,
            Precision.FP32)) {
      double warm = 0;
      for (int step = 0; step <= 350; step++) {
        if (step == 50) {
          warm = residentMegabytes();
        }
        trainer.step(images, masks, new int[masks.length], BATCH);
      }
      System.out.println(warm + " " + residentMegabytes());
    }
  }

  private static double residentMegabytes() throws IOException {
    System.gc();
    String pages = Files.readString(Path.of("/proc/self/statm")).split(" ")[1];
    return Long.parseLong(pages) * 4096 / 1e6;
  }
}
