package dev.beit2.model.vit;

import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.IOException;
import java.io.InputStream;
import org.junit.jupiter.api.Test;

class RelativePositionTest {
  /** As positions/make_resized_tables.py makes it. */
  private static float[] table(int grid, int heads) {
    float[] table = new float[RelativePosition.rows(grid) * heads];
    for (int i = 0; i < table.length; i++) {
      table[i] = (float) ((i / heads * 7919 + i % heads * 104729) % 1000 / 1000.0 - 0.5);
    }
    return table;
  }

  /** scipy's spline, as the official code uses it. */
  @Test
  void resizedTablesAreThoseOfScipy() throws IOException {
    int cases = 0;
    try (InputStream in = getClass().getResourceAsStream("/positions/resized.json")) {
      for (JsonNode reference : new ObjectMapper().readTree(in)) {
        int from = reference.get("from").asInt();
        int to = reference.get("to").asInt();
        int heads = reference.get("heads").asInt();
        float[] resized = RelativePosition.resize(table(from, heads), heads, from, to);
        JsonNode values = reference.get("values");
        assertEquals(values.size(), resized.length);
        for (int i = 0; i < resized.length; i++) {
          int at = i;
          assertEquals(
              values.get(i).asDouble(),
              resized[i],
              3e-6,
              () -> "value %d of %d to %d".formatted(at, from, to));
        }
        cases++;
      }
    }
    assertEquals(5, cases);
  }

  @Test
  void tableOfTheSameSizeStaysAsItIs() {
    float[] table = table(6, 2);
    assertSame(table, RelativePosition.resize(table, 2, 6, 6));
  }

  /** A spline through values of a cubic polynomial is that polynomial. */
  @Test
  void splinesReproduceCubics() {
    double[] x = {-3, -1.5, 0, 0.5, 2, 4};
    double[] at = {-3, -2.2, -1.5, 0.3, 1.9, 3.3, 4};
    double[][] weights = CubicSpline.weights(x, at);
    double[] found = new double[at.length];
    double[] wanted = new double[at.length];
    for (int i = 0; i < at.length; i++) {
      wanted[i] = cubic(at[i]);
      for (int j = 0; j < x.length; j++) {
        found[i] += weights[i][j] * cubic(x[j]);
      }
    }
    assertArrayEquals(wanted, found, 1e-12);
  }

  private static double cubic(double x) {
    return ((0.5 * x - 2) * x + 1) * x - 3;
  }

  @Test
  void aWindowOfTwoPatchesIsTooSmall() {
    assertThrows(
        IllegalArgumentException.class, () -> RelativePosition.resize(table(2, 1), 1, 2, 6));
  }
}
