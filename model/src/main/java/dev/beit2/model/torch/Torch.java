package dev.beit2.model.torch;

import ai.djl.engine.Engine;
import ai.djl.ndarray.NDManager;
import ai.djl.pytorch.jni.JniUtils;

/** The PyTorch engine of this JVM: set up without network, and the settings each thread needs. */
public final class Torch {
  static {
    // The natives come from the class path; DJL neither downloads nor reports anything.
    System.setProperty("ai.djl.offline", "true");
    System.setProperty("OPT_OUT_TRACKING", "true");
    System.setProperty("ai.djl.pytorch.graph_optimizer", "false");
  }

  private static final Engine ENGINE = Engine.getEngine("PyTorch");

  private static final ThreadLocal<Boolean> READY =
      ThreadLocal.withInitial(
          () -> {
            // With the profiling executor the first calls are slow and a bf16 backward fails on a
            // dtype mismatch.
            JniUtils.setGraphExecutorOptimize(false);
            JniUtils.setGradMode(true);
            return true;
          });

  private Torch() {}

  /**
   * A manager for tensors on the engine's device: the first GPU that it sees, else the CPU. Closing
   * it frees their native memory.
   */
  public static NDManager newManager() {
    return ENGINE.newBaseManager();
  }

  /**
   * Sets how many threads one operation uses, for the whole JVM. Operations run by several threads
   * at once each use as many, so {@code threads} times those threads should not exceed the cores.
   * Results depend on this number in the last bits.
   */
  public static void setThreads(int threads) {
    JniUtils.setNumThreads(threads);
  }

  /** Settings that libtorch keeps per thread. */
  static void prepareThread() {
    READY.get();
  }
}
