package dev.beit2.model.torch;

import ai.djl.Device;
import ai.djl.engine.Engine;
import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.pytorch.jni.JniUtils;
import java.util.List;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * The PyTorch engine of this JVM: its setup without network access, and its settings per thread.
 */
public final class Torch {
  static {
    // The natives come from the class path; DJL neither downloads nor reports anything.
    System.setProperty("ai.djl.offline", "true");
    System.setProperty("OPT_OUT_TRACKING", "true");
    System.setProperty("ai.djl.pytorch.graph_optimizer", "false");
    TorchLibrary.configure();
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

  private static final List<TorchDevice> DEVICES =
      Stream.concat(
              IntStream.range(0, ENGINE.getGpuCount()).mapToObj(TorchDevice::gpu),
              Stream.of(TorchDevice.cpu()))
          .toList();

  private static final ThreadLocal<TorchDevice> DEVICE =
      ThreadLocal.withInitial(() -> DEVICES.get(0));

  private Torch() {}

  /** The devices that the engine sees: GPUs in their order, then the CPU. */
  public static List<TorchDevice> devices() {
    return DEVICES;
  }

  /**
   * Selects the device of the calling thread: tensors that it creates from now on live there. By
   * default it is the first of {@link #devices}.
   *
   * @throws IllegalArgumentException if the engine does not see the device
   */
  public static void use(TorchDevice device) {
    if (!DEVICES.contains(device)) {
      throw new IllegalArgumentException("found %s; wanted %s".formatted(DEVICES, device));
    }
    DEVICE.set(device);
  }

  /** The calling thread's device. */
  public static TorchDevice device() {
    return DEVICE.get();
  }

  /**
   * A manager for tensors on the calling thread's device. Closing it frees their native memory. For
   * results computed from a model's tensors use {@link StateDict#newManager}, in any thread.
   */
  public static NDManager newManager() {
    TorchDevice device = device();
    return ENGINE.newBaseManager(device.isGpu() ? Device.gpu(device.index()) : Device.cpu());
  }

  /**
   * A tensor on the CPU: itself if it is there, otherwise a copy that {@code manager} owns. DJL
   * would copy, too, but the copy would belong to the tensor's manager, and copies of parameters
   * would pile up there.
   */
  public static NDArray onCpu(NDManager manager, NDArray tensor) {
    NDArray there = tensor.toDevice(Device.cpu(), false);
    if (there != tensor) {
      there.attach(manager);
    }
    return there;
  }

  /**
   * Sets the number of threads of each operation, for the whole JVM. If several threads run
   * operations at the same time, each operation uses this number, so their product should not
   * exceed the number of cores. The last bits of results depend on it.
   */
  public static void setThreads(int threads) {
    JniUtils.setNumThreads(threads);
  }

  /** Settings that libtorch keeps per thread. */
  static void prepareThread() {
    READY.get();
  }
}
