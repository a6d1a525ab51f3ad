package dev.beit2.model.torch;

import java.util.Optional;
import javax.annotation.Nullable;

/**
 * A worker's lease of a device. A GPU has one worker of this JVM at a time; the CPU has any number.
 *
 * <pre>{@code
 * try (DeviceLease lease = DeviceLease.acquire(DeviceChoice.AUTO, run, worker)) {
 *   Torch.use(lease.device());
 *   Session session = lease.resident().map(Session.class::cast).orElseGet(Session::open);
 *   session.train();
 *   lease.keep(session);
 * }
 * }</pre>
 *
 * <p>What a worker keeps stays on its device until the worker leases it again, another worker needs
 * the device, or the run is {@linkplain #evict evicted}.
 */
public final class DeviceLease implements AutoCloseable {
  private final DeviceRegistry registry;
  private final TorchDevice device;
  private final String run;
  private final int worker;
  @Nullable private final AutoCloseable resident;
  @Nullable private AutoCloseable kept;
  private boolean closed;

  DeviceLease(
      DeviceRegistry registry,
      TorchDevice device,
      String run,
      int worker,
      @Nullable AutoCloseable resident) {
    this.registry = registry;
    this.device = device;
    this.run = run;
    this.worker = worker;
    this.resident = resident;
  }

  /**
   * Waits until a device is free and leases it, preferably the one on which this worker keeps its
   * state. What others keep there is closed first: all of it on a GPU, on the CPU only what belongs
   * to other runs.
   *
   * @param run names the run, over all jobs in this JVM
   * @param worker number of the worker in the run
   * @throws NoGpuException if a GPU is asked for and the engine sees none
   */
  public static DeviceLease acquire(DeviceChoice choice, String run, int worker)
      throws InterruptedException {
    return DeviceRegistry.ofThisJvm().acquire(choice, run, worker);
  }

  /** Closes everything that workers of a run keep on devices that are not leased. */
  public static void evict(String run) {
    DeviceRegistry.ofThisJvm().evict(run);
  }

  /** The device; threads select it with {@link Torch#use}. */
  public TorchDevice device() {
    return device;
  }

  /**
   * What this worker has kept last time. The caller owns it now: it keeps it again or closes it.
   */
  public Optional<AutoCloseable> resident() {
    return Optional.ofNullable(resident);
  }

  /** Keeps something on the device when the lease is closed. */
  public void keep(AutoCloseable resident) {
    kept = resident;
  }

  /** Returns the device. */
  @Override
  public void close() {
    if (!closed) {
      closed = true;
      registry.release(device, run, worker, kept);
    }
  }
}
