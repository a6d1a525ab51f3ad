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
 * Activation checkpointing (arXiv 1604.06174): of the calls made through it only the results are
 * kept, and what the way back needs beside them is computed a second time. The gradients are the
 * same, to the bit.
 *
 * <p>TorchScript has no hook into the way back, so each call's result starts a graph of its own,
 * and gradients are taken from the last graph to the first: of what was recorded after a call, then
 * of the call, computed again.
 */
public final class Recomputation {
  /** {@code inputs} are those of the tensors that gradients are computed of. */
  private record Call(
      String function,
      NDArray[] tensors,
      List<NDArray> weights,
      List<NDArray> inputs,
      NDArray output) {}

  private final Kernels kernels;
  private final List<Call> calls = new ArrayList<>();
  private final List<NDArray> losses = new ArrayList<>();
  // What was recorded between calls and goes into a call or is a loss: after how many calls. By
  // identity, as all maps here, since DJL compares tensors by their values.
  private final Map<NDArray, Integer> between = new IdentityHashMap<>();

  /** Nothing called so far. */
  public Recomputation(Kernels kernels) {
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
    // Recorded, then cut off: without recording, PyTorch may choose an attention that rounds
    // otherwise.
    try (NDArray recorded = kernels.call(manager, function, tensors, weights)) {
      output = recorded.stopGradient();
    }
    kernels.call(manager, "require_gradient", new NDArray[0], List.of(output));
    calls.add(new Call(function, tensors, weights, inputs, output));
    return output;
  }

  /** Whether gradients are computed of it. DJL's {@code hasGradient} knows that of leaves alone. */
  private boolean isRecorded(NDManager manager, NDArray tensor) {
    return kernels.call(manager, "is_recorded", tensor).getBoolean();
  }

  /** Tells that a loss [] is a function of the calls made so far, and of none made later. */
  public void loss(NDArray loss) {
    losses.add(loss);
    between.put(loss, calls.size());
  }

  /**
   * Adds the gradients of {@code share} times the sum of the losses to sums, in place.
   *
   * @param sums by parameter, compared by identity
   */
  public void addGradients(
      NDManager manager, double share, IdentityHashMap<NDArray, NDArray> sums) {
    Map<NDArray, NDArray> gradients = new IdentityHashMap<>();
    losses.forEach(loss -> gradients.put(loss, manager.create((float) share)));
    List<NDArray> all = List.copyOf(sums.keySet());
    for (int made = calls.size(); made >= 0; made--) {
      int after = made;
      List<NDArray> from =
          between.keySet().stream()
              .filter(t -> between.get(t) == after && gradients.containsKey(t))
              .toList();
      if (!from.isEmpty()) {
        List<NDArray> outputs = calls.stream().limit(made).map(Call::output).toList();
        pullBack(manager, from, outputs, all, gradients, sums);
      }
      if (made > 0) {
        again(manager, calls.get(made - 1), gradients, sums);
      }
    }
  }

  /** Begins anew. */
  public void clear() {
    calls.clear();
    losses.clear();
    between.clear();
  }

  private void again(
      NDManager manager, Call call, Map<NDArray, NDArray> gradients, Map<NDArray, NDArray> sums) {
    try (NDManager own = manager.newSubManager()) {
      NDArray output = kernels.call(own, call.function, call.tensors, call.weights);
      gradients.put(output, gradients.remove(call.output));
      List<NDArray> weights = call.weights.stream().filter(sums::containsKey).toList();
      pullBack(manager, List.of(output), call.inputs, weights, gradients, sums);
      gradients.remove(output).close();
      call.output.close();
    }
  }

  /** Brings gradients from roots to inputs, and adds those of weights to their sums. */
  private void pullBack(
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
          // What is already known of an input comes first in its sum, as in one graph. Another
          // handle, since a tensor cannot be in two lists of a call.
          from.add(kernels.call(own, "same", input));
          cotangents.add(gradients.get(input));
        }
      }
      NDList found =
          kernels.callForAll(own, "pull_back", new NDArray[0], from, cotangents, targets);
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
