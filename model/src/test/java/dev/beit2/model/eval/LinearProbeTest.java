package dev.beit2.model.eval;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.beit2.model.eval.LinearProbe.Scores;
import dev.beit2.model.eval.ProbeConfig.Optimizer;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.channels.Channels;
import java.util.Arrays;
import java.util.List;
import java.util.Random;
import org.junit.jupiter.api.Test;

class LinearProbeTest {
  private static final int IMAGES = 60;
  private static final int DIM = 4;
  private static final int CLASSES = 3;
  private static final int EPOCHS = 40;

  private final int[] labels = new int[IMAGES];
  private final boolean[] heldOut = new boolean[IMAGES];
  private final float[] told = new float[IMAGES * DIM];
  private final float[] noise = new float[IMAGES * DIM];

  LinearProbeTest() {
    Random random = new Random(1);
    for (int i = 0; i < IMAGES; i++) {
      labels[i] = random.nextInt(CLASSES);
      heldOut[i] = i % 5 == 0;
      for (int d = 0; d < DIM; d++) {
        told[i * DIM + d] = (float) random.nextGaussian() + (d == labels[i] ? 3 : 0);
        noise[i * DIM + d] = (float) random.nextGaussian();
      }
    }
  }

  private static ProbeConfig config(Optimizer optimizer, Double... rates) {
    return new ProbeConfig(optimizer, List.of(rates), 1e-4, EPOCHS, IMAGES);
  }

  private LinearProbe probe(ProbeConfig config) {
    return new LinearProbe(List.of(DIM, DIM), CLASSES, config, 3);
  }

  private void train(LinearProbe probe, int from, int to) {
    for (int epoch = from; epoch < to; epoch++) {
      probe.step(List.of(told, noise), labels, heldOut, epoch);
    }
  }

  private Scores scores(LinearProbe probe) {
    return probe.scores(List.of(told, noise), labels);
  }

  private double accuracy(Scores scores, int head) {
    double right = 0;
    for (int i = 0; i < IMAGES; i++) {
      assertEquals(scores.ranks()[i][head] == 0, scores.predictions()[i][head] == labels[i]);
      right += scores.ranks()[i][head] == 0 ? 1.0 / IMAGES : 0;
    }
    return right;
  }

  @Test
  void learnsFromTheVectorThatTellsTheClass() {
    for (Optimizer optimizer : Optimizer.values()) {
      try (LinearProbe probe = probe(config(optimizer, 1e-9, 0.1))) {
        train(probe, 0, EPOCHS);
        Scores scores = scores(probe);
        // Heads: of each vector two rates without the held-out images, then the same with them.
        assertTrue(accuracy(scores, 3) > 0.9, optimizer + " " + accuracy(scores, 3));
        assertTrue(accuracy(scores, 1) > 0.85, optimizer + " " + accuracy(scores, 1));
        assertTrue(accuracy(scores, 7) < 0.7, optimizer + " on noise");
        assertTrue(Math.abs(scores.losses()[0][0] - Math.log(CLASSES)) < 0.2, "rate 1e-9");
      }
    }
  }

  /** One step of SGD from the first one is minus the rate times the gradient, by differences. */
  @Test
  void theStepFollowsTheGradientOfTheMeanLoss() {
    double rate = 1e-2;
    try (LinearProbe probe = probe(config(Optimizer.SGD, rate))) {
      double before = mean(scores(probe), 1);
      train(probe, 0, 1);
      double after = mean(scores(probe), 1);
      double gradient = squaredGradient();
      assertEquals(rate * gradient, before - after, 0.05 * rate * gradient);
    }
  }

  private static double mean(Scores scores, int head) {
    double sum = 0;
    for (float[] losses : scores.losses()) {
      sum += losses[head] / IMAGES;
    }
    return sum;
  }

  /** |gradient|² of the mean loss where all logits are about 0: the initial weights are small. */
  private double squaredGradient() {
    double[][] g = new double[CLASSES][DIM + 1];
    for (int i = 0; i < IMAGES; i++) {
      for (int c = 0; c < CLASSES; c++) {
        double error = (1.0 / CLASSES - (labels[i] == c ? 1 : 0)) / IMAGES;
        for (int d = 0; d < DIM; d++) {
          g[c][d] += error * told[i * DIM + d];
        }
        g[c][DIM] += error;
      }
    }
    double sum = 0;
    for (double[] row : g) {
      for (double value : row) {
        sum += value * value;
      }
    }
    return sum;
  }

  @Test
  void heldOutImagesTeachOnlyTheTwin() {
    try (LinearProbe one = probe(config(Optimizer.ADAMW, 0.1));
        LinearProbe other = probe(config(Optimizer.ADAMW, 0.1))) {
      train(one, 0, 5);
      for (int i = 0; i < IMAGES; i++) {
        labels[i] = heldOut[i] ? (labels[i] + 1) % CLASSES : labels[i];
      }
      train(other, 0, 5);
      Scores a = scores(one);
      Scores b = scores(other);
      for (int i = 0; i < IMAGES; i++) {
        assertEquals(a.losses()[i][0], b.losses()[i][0], 1e-6f);
      }
      assertTrue(Math.abs(a.losses()[0][1] - b.losses()[0][1]) > 1e-3);
    }
  }

  /** Property: rates and vectors beside it change nothing in a head. */
  @Test
  void headsDoNotInfluenceEachOther() {
    try (LinearProbe both = probe(config(Optimizer.ADAMW, 0.03, 0.1));
        LinearProbe same = probe(config(Optimizer.ADAMW, 0.03, 50.0))) {
      train(both, 0, 5);
      train(same, 0, 5);
      assertEquals(scores(both).losses()[7][0], scores(same).losses()[7][0], 1e-5f);
      assertEquals(scores(both).losses()[7][2], scores(same).losses()[7][2], 1e-5f);
    }
  }

  @Test
  void continuesFromAFileToTheBit() throws IOException {
    for (Optimizer optimizer : Optimizer.values()) {
      ByteArrayOutputStream file = new ByteArrayOutputStream();
      try (LinearProbe whole = probe(config(optimizer, 0.1));
          LinearProbe continued = probe(config(optimizer, 0.1))) {
        train(whole, 0, 7);
        whole.write(Channels.newChannel(file), 7);
        train(whole, 7, 12);
        train(continued, 0, 1); // is replaced
        byte[] bytes = file.toByteArray();
        assertEquals(7, continued.read(Channels.newChannel(new ByteArrayInputStream(bytes))));
        train(continued, 7, 12);
        for (int i = 0; i < IMAGES; i++) {
          assertArrayEquals(scores(whole).losses()[i], scores(continued).losses()[i]);
        }
        byte[] cut = Arrays.copyOf(bytes, bytes.length - 4);
        assertThrows(
            IOException.class,
            () -> continued.read(Channels.newChannel(new ByteArrayInputStream(cut))));
      }
    }
  }
}
