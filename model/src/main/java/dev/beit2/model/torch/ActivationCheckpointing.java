package dev.beit2.model.torch;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import java.util.ArrayList;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;

/**
 * Activation checkpointing (arXiv 1604.06174): only the results of the calls made through it are
 * stored. Everything else that the backward pass needs is recomputed. The gradients are
 * bit-identical.
 *
 * <p>TorchScript has no hook into the backward pass. So the result of each call starts a new graph,
 * and the backward pass goes from the last graph to the first: through what was recorded after a
 * call, then through the call, recomputed.
 */
public final class ActivationCheckpointing {
  /** {@code inputs} are those of the tensors that need gradients. */
  private record Call(
      String function,
      NDArray[] tensors,
      List<NDArray> weights,
      List<NDArray> inputs,
      NDArray output) {}

  private final Kernels kernels;
  private final List<Call> calls = new ArrayList<>();
  private final List<NDArray> losses = new ArrayList<>();
  // Tensors recorded between calls that are an input of a call or a loss, with the number of calls
  // made before. All maps here compare by identity, because DJL compares tensors by their values.
  private final Map<NDArray, Integer> between = new IdentityHashMap<>();

  public ActivationCheckpointing(Kernels kernels) {
    this.kernels = kernels;
  }

  /** {@link Kernels#call} of a function without side effects. */
  public NDArray call(
      NDManager manager, String function, NDArray[] tensors, List<NDArray> weights) {
    List<NDArray> inputs =
        Stream.of(tensors).filter(tensor -> isRecorded(manager, tensor)).toList();
    for (NDArray input : inputs) {
      if (calls.stream().noneMatch(call -> call.output == input)) {
        between.putIfAbsent(input, calls.size());
      }
    }
    NDArray output;
    // Recorded, then detached: without recording, PyTorch may choose an attention kernel that
    // rounds differently.
    try (NDArray recorded = kernels.call(manager, function, tensors, weights)) {
      output = recorded.stopGradient();
    }
    kernels.call(manager, "require_gradient", new NDArray[0], List.of(output));
    calls.add(new Call(function, tensors, weights, inputs, output));
    return output;
  }

  /** Whether a tensor needs a gradient. DJL's {@code hasGradient} answers only for leaves. */
  private boolean isRecorded(NDManager manager, NDArray tensor) {
    return kernels.call(manager, "is_recorded", tensor).getBoolean();
  }

  /** Registers a loss [] that depends on the calls made so far, and on none made later. */
  public void loss(NDArray loss) {
    losses.add(loss);
    between.put(loss, calls.size());
  }

  /**
   * Adds the gradients of {@code weight} times the sum of the losses to sums, in place.
   *
   * @param sums by parameter, compared by identity
   */
  public void addGradients(
      NDManager manager, double weight, IdentityHashMap<NDArray, NDArray> sums) {
    Map<NDArray, NDArray> gradients = new IdentityHashMap<>();
    losses.forEach(loss -> gradients.put(loss, manager.create((float) weight)));
    List<NDArray> all = List.copyOf(sums.keySet());
    for (int made = calls.size(); made >= 0; made--) {
      int after = made;
      List<NDArray> from =
          between.keySet().stream()
              .filter(t -> between.get(t) == after && gradients.containsKey(t))
              .toList();
      if (!from.isEmpty()) {
        List<NDArray> outputs = calls.stream().limit(made).map(Call::output).toList();
        backward(manager, from, outputs, all, gradients, sums);
      }
      if (made > 0) {
        backwardThrough(manager, calls.get(made - 1), gradients, sums);
      }
    }
  }

  /** Forgets all calls and losses. */
  public void clear() {
    calls.clear();
    losses.clear();
    between.clear();
  }

  /** Recomputes a call and propagates gradients through it. */
  private void backwardThrough(
      NDManager manager, Call call, Map<NDArray, NDArray> gradients, Map<NDArray, NDArray> sums) {
    try (NDManager own = manager.newSubManager()) {
      NDArray output = kernels.call(own, call.function, call.tensors, call.weights);
      gradients.put(output, gradients.remove(call.output));
      List<NDArray> weights = call.weights.stream().filter(sums::containsKey).toList();
      backward(manager, List.of(output), call.inputs, weights, gradients, sums);
      gradients.remove(output).close();
      call.output.close();
    }
  }

  /** Propagates gradients from roots to inputs, and adds the gradients of weights to their sums. */
  private void backward(
      NDManager manager,
      List<NDArray> roots,
      List<NDArray> inputs,
      List<NDArray> weights,
      Map<NDArray, NDArray> gradients,
      Map<NDArray, NDArray> sums) {
    List<NDArray> targets = Stream.concat(inputs.stream(), weights.stream()).toList();
    try (NDManager own = manager.newSubManager()) {
      List<NDArray> from = new ArrayList<>(roots);
      List<NDArray> cotangents = new ArrayList<>(roots.stream().map(gradients::get).toList());
      for (NDArray input : inputs) {
        if (gradients.containsKey(input)) {
          // The gradient that an input already has comes first in its sum, as in a single graph. A
          // second handle, because a tensor cannot be in two lists of a call.
          from.add(kernels.call(own, "same", input));
          cotangents.add(gradients.get(input));
        }
      }
      NDList found = kernels.callForAll(own, "backward", new NDArray[0], from, cotangents, targets);
      kernels.call(
          own,
          "accumulate",
          new NDArray[0],
          weights.stream().map(sums::get).toList(),
          found.subList(inputs.size(), targets.size()));
      for (int i = 0; i < inputs.size(); i++) {
        if (found.get(i).size() > 0) {
          found.get(i).attach(manager);
          gradients.put(inputs.get(i), found.get(i));
        }
      }
    }
  }
}
