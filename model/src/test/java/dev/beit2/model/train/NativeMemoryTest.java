package dev.beit2.model.train;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.beit2.model.TestImages;
import dev.beit2.model.mim.MimConfig;
import dev.beit2.model.recipe.PretrainingRecipe;
import dev.beit2.model.torch.Precision;
import dev.beit2.model.torch.Torch;
import dev.beit2.model.vit.VitConfig;
import dev.beit2.model.vit.VitConfig.Positions;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.condition.EnabledOnOs;
import org.junit.jupiter.api.condition.OS;

/**
 * A training step frees the native memory that it allocates. Measured in a separate JVM whose heap
 * is resident from the start, so that only native memory can grow.
 */
@EnabledOnOs(OS.LINUX)
class NativeMemoryTest {
  private static final int BATCH = 8;
  private static final int LARGE_BATCH = 256;
  private static final int PATCHES = 16;

  @Test
  void memoryStaysFlatOver300Steps() throws IOException, InterruptedException {
    double[] megabytes = inSeparateJvm("flat");
    assertTrue(
        megabytes[1] <= 1.03 * megabytes[0],
        () -> "resident megabytes: " + Arrays.toString(megabytes));
  }

  @Test
  void microBatchesNeedTheMemoryOfOne() throws IOException, InterruptedException {
    double whole = inSeparateJvm("peak", "" + LARGE_BATCH)[0];
    double accumulating = inSeparateJvm("peak", "" + LARGE_BATCH / 8)[0];
    assertTrue(
        accumulating < 0.2 * whole,
        () ->
            "peak megabytes of a step: %s whole, %s in micro-batches"
                .formatted(whole, accumulating));
  }

  @Test
  void activationCheckpointingNeedsLessMemory() throws IOException, InterruptedException {
    double plain = inSeparateJvm("peak", "" + LARGE_BATCH)[0];
    double checkpointing = inSeparateJvm("peak", "" + LARGE_BATCH, "activationCheckpointing")[0];
    assertTrue(
        checkpointing < 0.45 * plain,
        () ->
            "peak megabytes of a step: %s plain, %s with activation checkpointing"
                .formatted(plain, checkpointing));
  }

  /** The numbers of the last line that {@link #main} prints. */
  private static double[] inSeparateJvm(String... arguments)
      throws IOException, InterruptedException {
    List<String> command =
        new ArrayList<>(
            List.of(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-Xms128m",
                "-Xmx128m",
                "-XX:+AlwaysPreTouch",
                "-XX:TieredStopAtLevel=1",
                "-cp",
                System.getProperty("java.class.path"),
                NativeMemoryTest.class.getName()));
    command.addAll(List.of(arguments));
    ProcessBuilder process =
        new ProcessBuilder(command).redirectError(ProcessBuilder.Redirect.DISCARD);
    // Each tensor gets pages of its own, so what is resident is what is allocated, on any machine.
    process.environment().put("MALLOC_MMAP_THRESHOLD_", "65536");
    Process child = process.start();
    List<String> lines = new String(child.getInputStream().readAllBytes(), UTF_8).lines().toList();
    assertTrue(child.waitFor(60, TimeUnit.SECONDS));
    assertEquals(0, child.exitValue());
    return Arrays.stream(lines.get(lines.size() - 1).split(" "))
        .mapToDouble(Double::parseDouble)
        .toArray();
  }

  /**
   * {@code flat}: prints resident megabytes after the warm-up and 300 steps later. {@code peak
   * MICRO_BATCH [activationCheckpointing]}: prints how many more megabytes a large batch needs, in
   * micro-batches of that many images, than a batch of one image.
   */
  public static void main(String[] args) throws IOException {
    Torch.setThreads(1);
    VitConfig backbone = new VitConfig(64, 16, 3, 96, 4, 3, 4, Positions.SHARED_RELATIVE, 0.1, 0);
    try (MimTrainer trainer =
        MimTrainer.start(
            new MimConfig(backbone, 64, 3, 2, true),
            PretrainingRecipe.TINY.optimizer(),
            new CosineSchedule(1.5e-3, 1e-6, 1e-5, 5, 1000),
            1,
            Precision.FP32,
            args.length > 2)) {
      if (args[0].equals("flat")) {
        steps(trainer, BATCH, 50);
        double warm = megabytes("VmRSS");
        steps(trainer, BATCH, 300);
        System.out.println(warm + " " + megabytes("VmRSS"));
      } else {
        ByteBuffer images = TestImages.gratings(LARGE_BATCH, 64, 16, 1);
        steps(trainer, 1, 5);
        double before = megabytes("VmHWM");
        step(trainer, images, LARGE_BATCH, Integer.parseInt(args[1]));
        System.out.println(megabytes("VmHWM") - before);
      }
    }
  }

  private static void steps(MimTrainer trainer, int batch, int steps) {
    ByteBuffer images = TestImages.gratings(batch, 64, 16, 1);
    for (int i = 0; i < steps; i++) {
      step(trainer, images, batch, batch);
    }
  }

  private static void step(MimTrainer trainer, ByteBuffer images, int batch, int microBatch) {
    boolean[] masks = new boolean[batch * PATCHES];
    for (int i = 0; i < masks.length; i++) {
      masks[i] = i % PATCHES < 6;
    }
    Accumulation.step(trainer, images, masks, new int[masks.length], batch, microBatch);
  }

  private static double megabytes(String which) throws IOException {
    System.gc();
    String line =
        Files.readAllLines(Path.of("/proc/self/status")).stream()
            .filter(l -> l.startsWith(which))
            .findAny()
            .orElseThrow();
    return Long.parseLong(line.replaceAll("[^0-9]", "")) / 1e3;
  }
}
