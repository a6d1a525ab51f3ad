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
 * Chooses shuffle keys so that each worker runs in its own task, and in the same task each round.
 * Flink assigns a key to a task by the hash of the key's bytes. With arbitrary keys two workers
 * often share a task: they train one after the other, and a worker that changes tasks loses what it
 * has cached in its JVM.
 */
public final class WorkerPlacement {
  private WorkerPlacement() {}

  /** Returns one key per worker, to be encoded by {@link VarIntCoder}. */
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

  /** The task to which Flink's batch shuffle assigns a key. */
  private static int task(int key, int tasks) {
    try {
      byte[] bytes = CoderUtils.encodeToByteArray(VarIntCoder.of(), key);
      return MathUtils.murmurHash(Arrays.hashCode(bytes)) % tasks;
    } catch (CoderException e) {
      throw new IllegalStateException(e);
    }
  }
}
