package dev.beit2.model.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.ByteBuffer;
import java.nio.FloatBuffer;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Compares trainers whose sums were rounded in another order. */
final class Accumulation {
  private Accumulation() {}

  /** One step of pretraining in micro-batches of a size; the last one may be smaller. */
  static Map<String, Double> step(
      MimTrainer trainer, ByteBuffer images, boolean[] masks, int[] codes, int batch, int size) {
    int patches = masks.length / batch;
    double masked = count(masks);
    for (int from = 0; from < batch; from += size) {
      int to = Math.min(batch, from + size);
      boolean[] maskedHere = Arrays.copyOfRange(masks, from * patches, to * patches);
      trainer.accumulate(
          slice(images, batch, from, to),
          maskedHere,
          Arrays.copyOfRange(codes, from * patches, to * patches),
          to - from,
          count(maskedHere) / masked);
    }
    return trainer.update();
  }

  private static int count(boolean[] masks) {
    int masked = 0;
    for (boolean mask : masks) {
      masked += mask ? 1 : 0;
    }
    return masked;
  }

  /** One step of a tokenizer's training in micro-batches of a size. */
  static Map<String, Double> step(VqKdTrainer trainer, ByteBuffer images, int batch, int size) {
    for (int from = 0; from < batch; from += size) {
      int to = Math.min(batch, from + size);
      trainer.accumulate(slice(images, batch, from, to), to - from, (to - from) / (double) batch);
    }
    return trainer.update();
  }

  private static ByteBuffer slice(ByteBuffer images, int batch, int from, int to) {
    int bytes = images.remaining() / batch;
    return images.slice(from * bytes, (to - from) * bytes).order(images.order());
  }

  static Map<String, FloatBuffer> values(AdamWTrainer trainer) {
    Map<String, FloatBuffer> values = new LinkedHashMap<>();
    for (SharedTensor tensor : trainer.sharedTensors()) {
      values.put(tensor.name(), trainer.values(tensor.name()));
    }
    return values;
  }

  static void assertClose(List<Map<String, Double>> wanted, List<Map<String, Double>> found) {
    assertEquals(wanted.size(), found.size());
    for (int i = 0; i < wanted.size(); i++) {
      Map<String, Double> step = found.get(i);
      assertEquals(wanted.get(i).keySet(), step.keySet());
      wanted.get(i).forEach((k, v) -> assertEquals(v, step.get(k), 2e-5 * Math.max(1, v), k));
    }
  }

  static void assertClose(AdamWTrainer wanted, AdamWTrainer found) {
    Map<String, FloatBuffer> values = values(found);
    values(wanted)
        .forEach(
            (name, buffer) -> {
              for (int i = 0; i < buffer.limit(); i++) {
                float difference = Math.abs(buffer.get(i) - values.get(name).get(i));
                assertTrue(difference < 2e-5, name + " differs by " + difference);
              }
            });
  }
}
