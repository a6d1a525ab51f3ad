package dev.beit2.model.train;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.FloatBuffer;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/** Compares trainers whose sums were rounded in another order. */
final class Accumulation {
  private Accumulation() {}

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
