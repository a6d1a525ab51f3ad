package dev.beit2.pipelines.flink;

import java.util.Arrays;
import org.apache.beam.runners.flink.FlinkPipelineOptions;
import org.apache.beam.runners.flink.FlinkRunner;
import org.apache.beam.sdk.coders.CoderException;
import org.apache.beam.sdk.coders.VarIntCoder;
import org.apache.beam.sdk.options.PipelineOptions;
import org.apache.beam.sdk.util.CoderUtils;
import org.apache.flink.util.MathUtils;

/**
 * Keys by which a shuffle gives each worker a task of its own, the same one each round. Flink sends
 * a key where the hash of its bytes says; at random two workers share a task as often as not, take
 * their steps one after the other, and lose what they kept in the JVM of the last round.
 */
public final class WorkerPlacement {
  private WorkerPlacement() {}

  /** A key for each worker, as {@link VarIntCoder} encodes them. */
  public static int[] keys(PipelineOptions options, int workers) {
    int[] keys = new int[workers];
    if (options.getRunner() != FlinkRunner.class) {
      Arrays.setAll(keys, worker -> worker);
      return keys;
    }
    int tasks = Math.max(workers, options.as(FlinkPipelineOptions.class).getParallelism());
    boolean[] taken = new boolean[tasks];
    int missing = workers;
    for (int key = 0; missing > 0; key++) {
      int task = task(key, tasks);
      if (task < workers && !taken[task]) {
        taken[task] = true;
        keys[task] = key;
        missing--;
      }
    }
    return keys;
  }

  /** Where Flink's batch shuffle sends a key. */
  private static int task(int key, int tasks) {
    try {
      byte[] bytes = CoderUtils.encodeToByteArray(VarIntCoder.of(), key);
      return MathUtils.murmurHash(Arrays.hashCode(bytes)) % tasks;
    } catch (CoderException e) {
      throw new IllegalStateException(e);
    }
  }
}
