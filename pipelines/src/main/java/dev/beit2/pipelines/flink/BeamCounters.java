package dev.beit2.pipelines.flink;

import dev.beit2.io.Json;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.util.Base64;
import java.util.List;
import java.util.Map;
import org.apache.beam.sdk.util.VarInt;

/** Reads Beam's counters as Flink's REST API tells them: JSON with encoded values. */
final class BeamCounters {
  private static final String COUNTER = "beam:metrics:sum_int64:v1";

  private BeamCounters() {}

  /**
   * The sum of a counter over all steps; 0 if it was not counted so far.
   *
   * @param metrics the value of the accumulator
   * @throws IOException if that is not what Beam's Flink runner writes
   */
  @SuppressWarnings("unchecked")
  static long sum(String metrics, String namespace, String name) throws IOException {
    try {
      Map<String, Object> all = (Map<String, Object>) Json.object(metrics).get("metrics");
      long sum = 0;
      for (Map<String, Object> metric : (List<Map<String, Object>>) all.get("attempted")) {
        Map<String, String> labels = (Map<String, String>) metric.get("labels");
        if (COUNTER.equals(metric.get("type"))
            && namespace.equals(labels.get("NAMESPACE"))
            && name.equals(labels.get("NAME"))) {
          byte[] encoded = Base64.getDecoder().decode((String) metric.get("payload"));
          sum += VarInt.decodeLong(new ByteArrayInputStream(encoded));
        }
      }
      return sum;
    } catch (ClassCastException | NullPointerException | IllegalArgumentException e) {
      throw new IOException("no metrics of Beam's Flink runner", e);
    }
  }
}
