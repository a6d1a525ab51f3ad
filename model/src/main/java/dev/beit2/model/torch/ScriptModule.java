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
 * Somebody else's TorchScript program that computes something of images, on the device of the
 * thread that has loaded it. It computes in its own precision. Safe for use by many threads.
 */
public final class ScriptModule implements AutoCloseable {
  private final NDManager manager;
  private final PtSymbolBlock module;
  private final Normalization input;

  private ScriptModule(NDManager manager, PtSymbolBlock module, Normalization input) {
    this.manager = manager;
    this.module = module;
    this.input = input;
  }

  /**
   * Loads a program, for inference.
   *
   * @param input what it expects of images
   * @throws IOException if it is none; the message is what PyTorch says
   */
  public static ScriptModule load(InputStream program, Normalization input) throws IOException {
    Torch.prepareThread();
    NDManager manager = Torch.newManager();
    try {
      PtSymbolBlock module = JniUtils.loadModule((PtNDManager) manager, program, true, false);
      JniUtils.enableInferenceMode(module);
      return new ScriptModule(manager, module, input);
    } catch (EngineException e) {
      manager.close();
      throw new IOException("PyTorch cannot load the program: " + firstLine(e), e);
    }
  }

  private static String firstLine(EngineException e) {
    return String.valueOf(e.getMessage()).lines().findFirst().orElse("");
  }

  /** Width and height of its images, in pixels. */
  public int imageSize() {
    return input.size();
  }

  /** A manager for inputs and results, on the program's device. The caller closes it. */
  public NDManager newManager() {
    return manager.getEngine().newBaseManager(manager.getDevice());
  }

  /**
   * The first tensor that the program returns for images, without a graph.
   *
   * @param owner owns the result
   * @param images [B, 3, S, S] in [0, 1] of {@link #imageSize}
   * @throws IllegalArgumentException if the program fails
   */
  public NDArray forward(Kernels kernels, NDManager owner, NDArray images) {
    NDArray mean = owner.create(input.mean());
    NDArray x = kernels.call(owner, "normalize", images, mean, owner.create(input.std()));
    NDArray[] result = new NDArray[1];
    x.setName(null);
    try {
      kernels.withoutGradient(
          () -> result[0] = IValueUtils.forward(module, new NDList(x), false).get(0));
    } catch (EngineException e) {
      throw new IllegalArgumentException("the program fails: " + firstLine(e), e);
    }
    result[0].attach(owner);
    return result[0];
  }

  @Override
  public void close() {
    module.close();
    manager.close();
  }
}
