package dev.beit2.model.torch;

import ai.djl.Device;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.DataType;
import ai.djl.ndarray.types.Shape;
import ai.djl.pytorch.engine.PtNDManager;
import ai.djl.pytorch.engine.PtSymbolBlock;
import ai.djl.pytorch.jni.IValueUtils;
import ai.djl.pytorch.jni.JniUtils;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.StandardCharsets;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.ConcurrentHashMap;

/**
 * The functions of {@code kernels.py}, callable from Java. There is one instance per precision and
 * device, which lives as long as the JVM. Calls are thread-safe as long as no two threads pass the
 * same tensor in different roles.
 *
 * <p>Results belong to the manager given with the call. A call is recorded for gradients if one of
 * its inputs is a parameter marked by {@link StateDict#requireGradients}, or was computed from one.
 */
public final class Kernels {
  private static final Map<Key, Kernels> INSTANCES = new HashMap<>();

  private final PtSymbolBlock module;
  private final NDArray none;
  // DJL finds lists by their tensors' names, so a tensor cannot be in a list and an argument of the
  // same call.
  private final NDArray noneInList;
  private final NDManager cpu;
  private final Map<Double, NDArray> numbers = new ConcurrentHashMap<>();

  private record Key(Precision precision, TorchDevice device) {}

  private Kernels(Precision precision) {
    Torch.prepareThread();
    NDManager manager = Torch.newManager();
    try (InputStream text = Kernels.class.getResourceAsStream("kernels.py")) {
      Map<String, Boolean> attributes = new TreeMap<>();
      attributes.put("bf16", precision == Precision.BF16);
      attributes.put("training", true);
      byte[] archive =
          ScriptArchive.of(
              "Kernels", new String(text.readAllBytes(), StandardCharsets.UTF_8), attributes);
      module =
          JniUtils.loadModule(
              (PtNDManager) manager, new ByteArrayInputStream(archive), true, false);
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    cpu = manager.newSubManager(Device.cpu());
    none = manager.create(new Shape(0), DataType.FLOAT32);
    noneInList = manager.create(new Shape(0), DataType.FLOAT32);
  }

  /** The kernels in a precision, on the calling thread's device. */
  public static Kernels of(Precision precision) {
    synchronized (INSTANCES) {
      return INSTANCES.computeIfAbsent(
          new Key(precision, Torch.device()), key -> new Kernels(key.precision()));
    }
  }

  /** A tensor without elements, which represents an absent tensor. */
  public NDArray none() {
    return none;
  }

  /**
   * A number as a tensor [] on the CPU, so that reading it does not wait for the device. It lives
   * as long as the JVM.
   */
  public NDArray number(double value) {
    return numbers.computeIfAbsent(value, v -> cpu.create(new double[] {v}, new Shape()));
  }

  /** Numbers as a tensor [n] on the CPU; the caller closes it. */
  public NDArray numbers(double... values) {
    return cpu.create(values);
  }

  /**
   * Calls a function that returns one tensor.
   *
   * @param manager owns the result
   * @param function a name in {@code kernels.py}
   * @param tensors its tensor arguments, in order
   * @param lists its lists of tensors, after all tensors; none may be empty
   */
  @SafeVarargs
  public final NDArray call(
      NDManager manager, String function, NDArray[] tensors, List<NDArray>... lists) {
    return callForAll(manager, function, tensors, lists).get(0);
  }

  /** Calls a function on tensors alone that returns one tensor; see {@link #call}. */
  public NDArray call(NDManager manager, String function, NDArray... tensors) {
    return callForAll(manager, function, tensors).get(0);
  }

  /** Calls a function that returns a tuple or list of tensors; see {@link #call}. */
  @SafeVarargs
  public final NDList callForAll(
      NDManager manager, String function, NDArray[] tensors, List<NDArray>... lists) {
    Torch.prepareThread();
    NDList inputs = new NDList();
    // DJL takes the function's name from an extra input, and gives the results to that input's
    // manager.
    try (NDArray name = manager.create(new Shape(0), DataType.FLOAT32)) {
      name.setName("module_method:" + function);
      inputs.add(name);
      for (NDArray tensor : tensors) {
        tensor.setName(null);
        inputs.add(tensor);
      }
      for (int i = 0; i < lists.length; i++) {
        String list = "list" + i + "[]";
        for (NDArray tensor : lists[i]) {
          NDArray element = tensor == none ? noneInList : tensor;
          element.setName(list);
          inputs.add(element);
        }
      }
      return IValueUtils.forward(module, inputs, true);
    }
  }

  /** Runs calls that change parameters in place, which must not be recorded for gradients. */
  public void withoutGradient(Runnable update) {
    Torch.prepareThread();
    JniUtils.setGradMode(false);
    try {
      update.run();
    } finally {
      JniUtils.setGradMode(true);
    }
  }
}
