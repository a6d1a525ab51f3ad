package dev.beit2.model.tokenizer;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.google.gson.Gson;
import dev.beit2.model.TestImages;
import dev.beit2.model.checkpoint.Safetensors;
import dev.beit2.model.torch.Precision;
import dev.beit2.model.torch.StateDict;
import dev.beit2.model.vit.Initialization;
import dev.beit2.model.vit.VitConfig;
import dev.beit2.model.vit.VitConfig.Positions;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.Channels;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.CyclicBarrier;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Future;
import org.junit.jupiter.api.Test;

class TokenizerTest {
  private static final int SIDE = 64;
  private static final int PATCHES = 16;
  private static final int THREADS = 8;

  private static byte[] file(String kind, long seed) throws IOException {
    VitConfig encoder = new VitConfig(SIDE, 16, 3, 48, 3, 3, 4, Positions.ABSOLUTE, 0, 0);
    VqKdConfig config =
        new VqKdConfig(encoder, encoder.withInput(4, 1, 16).withDepth(1), 64, 16, 108, 0.9, 1, 0);
    try (StateDict state = VqKd.initialize(config, seed)) {
      new Initialization(state, seed, 5).normal("quantize.embedding.weight", 64, 16);
      ByteArrayOutputStream bytes = new ByteArrayOutputStream();
      Safetensors.write(
          Channels.newChannel(bytes),
          Map.of("kind", kind, "config", new Gson().toJson(config)),
          state.tensors());
      return bytes.toByteArray();
    }
  }

  private static Tokenizer tokenizer(byte[] file) throws IOException {
    return Tokenizer.read(Channels.newChannel(new ByteArrayInputStream(file)), Precision.FP32);
  }

  @Test
  void manyThreadsGetTheCodesOfOneThread() throws Exception {
    byte[] file = file("vqkd", 1);
    ByteBuffer images = TestImages.gratings(1, SIDE, 16, 1);
    int[] alone = new int[PATCHES];
    try (Tokenizer one = tokenizer(file)) {
      one.encode(images, 1, alone);
    }
    assertTrue(Arrays.stream(alone).distinct().count() > 4, () -> Arrays.toString(alone));
    ExecutorService threads = Executors.newFixedThreadPool(THREADS);
    for (int round = 0; round < 40; round++) {
      // A new network each time, called by all threads at once: its first calls build its blocks.
      CyclicBarrier start = new CyclicBarrier(THREADS);
      try (Tokenizer shared = tokenizer(file)) {
        List<Future<int[]>> found = new ArrayList<>();
        for (int i = 0; i < THREADS; i++) {
          found.add(
              threads.submit(
                  () -> {
                    int[] codes = new int[alone.length];
                    start.await();
                    shared.encode(images.duplicate().order(ByteOrder.nativeOrder()), 1, codes);
                    return codes;
                  }));
        }
        for (Future<int[]> codes : found) {
          assertArrayEquals(alone, codes.get());
        }
      }
    }
    threads.shutdown();
  }

  @Test
  void differentTokenizersHaveDifferentDigests() throws IOException {
    try (Tokenizer one = tokenizer(file("vqkd", 1));
        Tokenizer same = tokenizer(file("vqkd", 1));
        Tokenizer other = tokenizer(file("vqkd", 2))) {
      assertEquals(64, one.digest().length());
      assertEquals(one.digest(), same.digest());
      assertNotEquals(one.digest(), other.digest());
      assertEquals(List.of(SIDE, 4, 64), List.of(one.imageSize(), one.grid(), one.codebookSize()));
    }
  }

  @Test
  void refusesAnotherKindOfModel() throws IOException {
    byte[] file = file("mim", 1);
    IOException refusal = assertThrows(IOException.class, () -> tokenizer(file));
    assertTrue(refusal.getMessage().contains("kind mim"), refusal.getMessage());
  }
}
