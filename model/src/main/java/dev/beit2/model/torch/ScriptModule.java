package dev.beit2.model.torch;

import ai.djl.engine.EngineException;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.pytorch.engine.PtNDManager;
import ai.djl.pytorch.engine.PtSymbolBlock;
import ai.djl.pytorch.jni.IValueUtils;
import ai.djl.pytorch.jni.JniUtils;
import java.io.IOException;
import java.io.InputStream;

/**
 * A TorchScript program of somebody else, on the device of the thread that has loaded it. It
 * computes in its own precision. Safe for use by many threads.
 */
public final class ScriptModule implements AutoCloseable {
  private final NDManager manager;
  private final PtSymbolBlock module;

  private ScriptModule(NDManager manager, PtSymbolBlock module) {
    this.manager = manager;
    this.module = module;
  }

  /**
   * Loads a program, for inference.
   *
   * @throws IOException if it is none; the message is what PyTorch says
   */
  public static ScriptModule load(InputStream program) throws IOException {
    Torch.prepareThread();
    NDManager manager = Torch.newManager();
    try {
      PtSymbolBlock module = JniUtils.loadModule((PtNDManager) manager, program, true, false);
      JniUtils.enableInferenceMode(module);
      return new ScriptModule(manager, module);
    } catch (EngineException e) {
      manager.close();
      throw new IOException("PyTorch cannot load the program: " + firstLine(e), e);
    }
  }

  private static String firstLine(EngineException e) {
    return String.valueOf(e.getMessage()).lines().findFirst().orElse("");
  }

  /** A manager for inputs and results, on the program's device. The caller closes it. */
  public NDManager newManager() {
    return manager.getEngine().newBaseManager(manager.getDevice());
  }

  /**
   * The first tensor that the program returns, in float32 and without a graph.
   *
   * @param owner owns the result, as it owns {@code input}
   * @throws IllegalArgumentException if the program cannot use the input
   */
  public NDArray forward(Kernels kernels, NDManager owner, NDArray input) {
    NDArray[] result = new NDArray[1];
    input.setName(null);
    try {
      kernels.withoutGradient(
          () -> {
            NDList found = IValueUtils.forward(module, new NDList(input), false);
            result[0] = found.get(0);
          });
    } catch (EngineException e) {
      throw new IllegalArgumentException("the program fails: " + firstLine(e), e);
    }
    result[0].attach(owner);
    return kernels.call(owner, "float32", result[0]);
  }

  @Override
  public void close() {
    module.close();
    manager.close();
  }
}
