package dev.beit2.model.torch;

import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import javax.annotation.Nullable;

/**
 * The devices of this JVM: which are leased, and what workers keep on the others.
 *
 * <p>A Flink TaskManager loads this project's classes again for each job and each restart, while
 * DJL and its devices stay. With a static field every job would have its own registry. So the state
 * is one map per JVM, stored in the system properties, with only JDK types, which the copies of
 * this class in all class loaders can read. It is guarded by its own monitor.
 */
final class DeviceRegistry {
  private static final String PROPERTY = "dev.beit2.devices";
  private static final String LEASED = "leased";
  private static final String RESIDENT = "resident";

  private final List<TorchDevice> devices;

  // [LEASED, device] → nothing; [RESIDENT, device, run, worker] → the class loader whose copy of
  // our classes can use it, the resident.
  private final Map<List<String>, Object[]> state;

  /**
   * A registry of given devices.
   *
   * @param property name of the system property that holds the state of all registries of a JVM
   */
  @SuppressWarnings("unchecked")
  DeviceRegistry(List<TorchDevice> devices, String property) {
    this.devices = List.copyOf(devices);
    this.state =
        (Map<List<String>, Object[]>)
            System.getProperties().computeIfAbsent(property, name -> new HashMap<>());
  }

  static DeviceRegistry ofThisJvm() {
    return new DeviceRegistry(Torch.devices(), PROPERTY);
  }

  /** See {@link DeviceLease#acquire}. */
  DeviceLease acquire(DeviceChoice choice, String run, int worker) throws InterruptedException {
    List<TorchDevice> wanted = wanted(choice);
    List<AutoCloseable> evicted = new ArrayList<>();
    TorchDevice device;
    AutoCloseable own = null;
    synchronized (state) {
      for (device = choose(wanted, run, worker); device == null; ) {
        state.wait();
        device = choose(wanted, run, worker);
      }
      if (device.isGpu()) {
        state.put(leased(device), new Object[0]);
      }
      for (List<String> key : residents(device)) {
        Object[] entry = state.get(key);
        boolean usable = entry[0] == loader();
        if (usable && key.equals(resident(device, run, worker))) {
          own = (AutoCloseable) entry[1];
          state.remove(key);
        } else if (device.isGpu() || !usable || !key.get(2).equals(run)) {
          evicted.add((AutoCloseable) entry[1]);
          state.remove(key);
        }
      }
    }
    DeviceLease lease = new DeviceLease(this, device, run, worker, own);
    try {
      close(evicted);
    } catch (IllegalStateException e) {
      lease.keep(own);
      lease.close();
      throw e;
    }
    return lease;
  }

  private List<TorchDevice> wanted(DeviceChoice choice) {
    List<TorchDevice> gpus = devices.stream().filter(TorchDevice::isGpu).toList();
    if (choice == DeviceChoice.GPU && gpus.isEmpty()) {
      throw new NoGpuException(devices);
    }
    return choice == DeviceChoice.CPU || gpus.isEmpty() ? List.of(TorchDevice.cpu()) : gpus;
  }

  /** The free device that suits a worker best; null if none is free. */
  @Nullable
  private TorchDevice choose(List<TorchDevice> wanted, String run, int worker) {
    TorchDevice best = null;
    for (TorchDevice device : wanted) {
      if (state.containsKey(resident(device, run, worker))) {
        return device;
      }
      boolean free = !state.containsKey(leased(device));
      // An empty device is better than one to which another worker will return.
      if (free && (best == null || residents(device).isEmpty() && !residents(best).isEmpty())) {
        best = device;
      }
    }
    return best;
  }

  /**
   * Returns a device.
   *
   * @param kept what the worker keeps on it; null if nothing
   */
  void release(TorchDevice device, String run, int worker, @Nullable AutoCloseable kept) {
    synchronized (state) {
      state.remove(leased(device));
      if (kept != null) {
        state.put(resident(device, run, worker), new Object[] {loader(), kept});
      }
      state.notifyAll();
    }
  }

  /** See {@link DeviceLease#evict}. */
  void evict(String run) {
    List<AutoCloseable> evicted = new ArrayList<>();
    synchronized (state) {
      for (List<String> key : List.copyOf(state.keySet())) {
        if (key.get(0).equals(RESIDENT) && key.get(2).equals(run)) {
          evicted.add((AutoCloseable) state.remove(key)[1]);
        }
      }
    }
    close(evicted);
  }

  private List<List<String>> residents(TorchDevice device) {
    return state.keySet().stream()
        .filter(key -> key.get(0).equals(RESIDENT) && key.get(1).equals(device.toString()))
        .toList();
  }

  private static List<String> leased(TorchDevice device) {
    return List.of(LEASED, device.toString());
  }

  private static List<String> resident(TorchDevice device, String run, int worker) {
    return List.of(RESIDENT, device.toString(), run, Integer.toString(worker));
  }

  private static ClassLoader loader() {
    return DeviceRegistry.class.getClassLoader();
  }

  private static void close(List<AutoCloseable> residents) {
    IllegalStateException failure = null;
    for (AutoCloseable resident : residents) {
      try {
        resident.close();
      } catch (Exception e) {
        IllegalStateException failed =
            new IllegalStateException(
                "the state that a worker keeps on its device cannot be closed", e);
        if (failure == null) {
          failure = failed;
        } else {
          failure.addSuppressed(failed);
        }
      }
    }
    if (failure != null) {
      throw failure;
    }
  }
}
