package dev.beit2.model.torch;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.function.Predicate;

/**
 * Named tensors in native memory: the parameters and buffers of a network under the official code's
 * state-dict names, in a fixed order, on the device of the thread that made it.
 */
public final class StateDict implements AutoCloseable {
  private final NDManager manager = Torch.newManager();
  private final Map<String, NDArray> tensors = new LinkedHashMap<>();

  /** The manager that owns the tensors. */
  public NDManager manager() {
    return manager;
  }

  /** A manager for results computed from the tensors, on their device. The caller closes it. */
  public NDManager newManager() {
    return manager.getEngine().newBaseManager(manager.getDevice());
  }

  /** Adds or replaces a tensor, which then belongs to this state dict. */
  public void put(String name, NDArray tensor) {
    tensor.attach(manager);
    NDArray old = tensors.put(name, tensor);
    if (old != null && old != tensor) {
      old.close();
    }
  }

  /**
   * A tensor by name.
   *
   * @throws IllegalArgumentException if there is no such tensor, naming it
   */
  public NDArray get(String name) {
    NDArray tensor = tensors.get(name);
    if (tensor == null) {
      throw new IllegalArgumentException("no tensor named " + name);
    }
    return tensor;
  }

  /** Whether a tensor has that name. */
  public boolean contains(String name) {
    return tensors.containsKey(name);
  }

  /** All tensors, in order. */
  public Map<String, NDArray> tensors() {
    return Collections.unmodifiableMap(tensors);
  }

  /** The names that {@code chosen} accepts, in order. */
  public List<String> names(Predicate<String> chosen) {
    return tensors.keySet().stream().filter(chosen).toList();
  }

  /** Makes the named tensors leaves for which gradients are computed. */
  public void requireGradients(Kernels kernels, List<String> names) {
    kernels.call(
        manager, "require_gradient", new NDArray[0], names.stream().map(this::get).toList());
  }

  /**
   * Copies into each tensor the values of the tensor of the same name, in place. (DJL's {@code
   * copyTo} keeps a second copy outside the heap for as long as the tensor lives.)
   *
   * @throws IllegalArgumentException if a tensor is missing, naming it
   */
  public void assign(Kernels kernels, StateDict values) {
    assign(kernels, tensors.keySet(), values);
  }

  /**
   * Copies all of these values into the tensors of the same names, in place; other tensors stay as
   * they are.
   *
   * @throws IllegalArgumentException if there is no tensor for a value, naming it
   */
  public void assignAll(Kernels kernels, StateDict values) {
    assign(kernels, values.tensors.keySet(), values);
  }

  private void assign(Kernels kernels, Set<String> names, StateDict values) {
    List<NDArray> to = names.stream().map(this::get).toList();
    List<NDArray> from = names.stream().map(values::get).toList();
    try (NDManager call = newManager()) {
      kernels.withoutGradient(() -> kernels.call(call, "assign", new NDArray[0], to, from));
    }
  }

  /**
   * Converts weight matrices to the precision of the kernels, for a network that is only used for
   * inference. Other tensors do not change.
   */
  public void convert(Kernels kernels, Predicate<String> chosen) {
    List<String> names = names(chosen);
    NDList converted =
        kernels.callForAll(
            manager, "to_precision", new NDArray[0], names.stream().map(this::get).toList());
    for (int i = 0; i < names.size(); i++) {
      put(names.get(i), converted.get(i));
    }
  }

  @Override
  public void close() {
    manager.close();
  }
}
