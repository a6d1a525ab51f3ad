package dev.beit2.model.train;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDList;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import dev.beit2.model.torch.Kernels;
import dev.beit2.model.torch.StateDict;
import dev.beit2.model.train.ParameterGroups.Group;
import java.util.Collections;
import java.util.IdentityHashMap;
import java.util.List;
import java.util.Map;

/**
 * AdamW over the parameters of a state dict, with the whole gradient's norm clipped. Its moments
 * are float32 tensors {@code exp_avg.NAME} and {@code exp_avg_sq.NAME}.
 */
public final class AdamW implements AutoCloseable {
  private final Kernels kernels;
  private final StateDict parameters;
  private final AdamWConfig config;
  private final List<Group> groups;
  private final List<String> names;
  private final StateDict moments = new StateDict();
  private long steps;

  /** An optimizer at step 0; makes the parameters of the groups require gradients. */
  public AdamW(Kernels kernels, StateDict parameters, AdamWConfig config, List<Group> groups) {
    this.kernels = kernels;
    this.parameters = parameters;
    this.config = config;
    this.groups = groups;
    this.names = groups.stream().flatMap(group -> group.names().stream()).toList();
    parameters.requireGradients(kernels, names);
    for (String name : names) {
      Shape shape = parameters.get(name).getShape();
      moments.put("exp_avg." + name, moments.manager().zeros(shape));
      moments.put("exp_avg_sq." + name, moments.manager().zeros(shape));
    }
  }

  /** Optimizer steps taken. */
  public long steps() {
    return steps;
  }

  /** The names of the parameters, in the order of {@link #gradients}. */
  public List<String> names() {
    return names;
  }

  /** The gradients of the loss, in the order of the names. */
  public NDList gradients(NDManager manager, NDArray loss) {
    return kernels.callForAll(manager, "gradients", new NDArray[] {loss}, parameters());
  }

  /** Zeros to which gradients are added, in the order of the names. */
  NDList zeros(NDManager manager) {
    NDList zeros = new NDList();
    parameters().forEach(parameter -> zeros.add(manager.zeros(parameter.getShape())));
    return zeros;
  }

  /** Adds the gradients of the loss to sums, in place. */
  void addGradients(NDManager manager, NDArray loss, NDList sums) {
    kernels.call(manager, "add_gradients", new NDArray[] {loss}, parameters(), sums);
  }

  /** The sums by parameter. */
  IdentityHashMap<NDArray, NDArray> byParameter(NDList sums) {
    IdentityHashMap<NDArray, NDArray> map = new IdentityHashMap<>();
    for (int i = 0; i < names.size(); i++) {
      map.put(parameters.get(names.get(i)), sums.get(i));
    }
    return map;
  }

  private List<NDArray> parameters() {
    return names.stream().map(parameters::get).toList();
  }

  /**
   * Takes one step, unless the gradient is not finite.
   *
   * @param gradients in the order of the names; clipped in place
   * @param learningRate that each group multiplies by its scale
   * @return the norm of the whole gradient before clipping; if it is not finite, no step was taken
   */
  public double step(NDManager manager, NDList gradients, double learningRate) {
    NDArray limit = kernels.number(config.clipNorm());
    double norm = kernels.call(manager, "clip", new NDArray[] {limit}, gradients).getFloat();
    if (!Double.isFinite(norm)) {
      return norm;
    }
    steps++;
    NDArray step = manager.create((float) steps);
    kernels.withoutGradient(
        () -> {
          int at = 0;
          for (Group group : groups) {
            int end = at + group.names().size();
            update(manager, group, gradients.subList(at, end), step, learningRate);
            at = end;
          }
        });
    return norm;
  }

  private void update(
      NDManager manager, Group group, List<NDArray> gradients, NDArray step, double learningRate) {
    double[] hyper = {
      learningRate * group.scale(),
      config.beta1(),
      config.beta2(),
      config.eps(),
      group.weightDecay()
    };
    try (NDArray onCpu = kernels.numbers(hyper)) {
      kernels.call(
          manager,
          "adamw",
          new NDArray[] {onCpu},
          group.names().stream().map(parameters::get).toList(),
          gradients,
          group.names().stream().map(name -> moments.get("exp_avg." + name)).toList(),
          group.names().stream().map(name -> moments.get("exp_avg_sq." + name)).toList(),
          Collections.nCopies(gradients.size(), step));
    }
  }

  /** The moments by name. */
  public Map<String, NDArray> moments() {
    return moments.tensors();
  }

  /**
   * Restores saved moments.
   *
   * @throws IllegalArgumentException if one is missing or has another shape, naming it; nothing has
   *     changed then
   */
  public void restore(StateDict saved, long stepsTaken) {
    moments
        .tensors()
        .forEach(
            (name, moment) -> {
              Shape found = saved.get(name).getShape();
              if (!found.equals(moment.getShape())) {
                throw new IllegalArgumentException(
                    "%s is %s, this run's is %s".formatted(name, found, moment.getShape()));
              }
            });
    moments.assign(kernels, saved);
    steps = stepsTaken;
  }

  @Override
  public void close() {
    moments.close();
  }
}
