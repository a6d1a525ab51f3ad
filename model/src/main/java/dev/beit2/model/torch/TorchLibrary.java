package dev.beit2.model.torch;

import static java.util.Objects.requireNonNull;

import ai.djl.Device;
import ai.djl.engine.Engine;
import ai.djl.pytorch.jni.LibUtils;
import ai.djl.util.cuda.CudaUtils;
import com.sun.jna.NativeLibrary;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Locale;
import java.util.Optional;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.IntStream;

/**
 * The PyTorch library of this JVM, and why it sees no GPU where it sees none.
 *
 * <p>The one on the class path is built for CPUs: those for CUDA are too large for Maven's
 * repository. One that is built for CUDA is given by the environment variable {@code
 * PYTORCH_LIBRARY_PATH}, such as the folder {@code torch/lib} of a Python environment.
 *
 * @param version of PyTorch
 * @param folder where it was loaded from
 * @param forCuda whether it is built for CUDA
 * @param runtime version of the CUDA runtime, such as 12.6, or empty if there is none
 * @param driver version of NVIDIA's driver, or empty if there is none
 * @param gpus the GPUs that it sees, in words; empty if there are none
 */
public record TorchLibrary(
    String version,
    Path folder,
    boolean forCuda,
    Optional<String> runtime,
    Optional<String> driver,
    List<String> gpus) {
  private static final String GIVEN = "PYTORCH_LIBRARY_PATH";
  private static final String FLAVOR = "PYTORCH_FLAVOR";
  private static final String CUDA_ONLY = System.mapLibraryName("c10_cuda");
  private static final Path DRIVER = Path.of("/proc/driver/nvidia/version");
  private static final Pattern DRIVER_VERSION = Pattern.compile("NVRM version:.*?(\\d+\\.[\\d.]+)");

  public TorchLibrary {
    requireNonNull(version, "version is null");
    requireNonNull(folder, "folder is null");
    requireNonNull(runtime, "runtime is null");
    requireNonNull(driver, "driver is null");
    gpus = List.copyOf(gpus);
  }

  /** The library that this JVM uses, which is loaded where it was not. */
  public static TorchLibrary loaded() {
    Torch.devices();
    Path folder = Path.of(LibUtils.getLibtorchPath());
    return new TorchLibrary(
        Engine.getEngine("PyTorch").getVersion(),
        folder,
        Files.exists(folder.resolve(CUDA_ONLY)),
        loadedRuntime(),
        loadedDriver(),
        IntStream.range(0, Torch.devices().size() - 1).mapToObj(TorchLibrary::gpu).toList());
  }

  /**
   * Tells DJL of the library that the environment names: that it is built for CUDA, and where its
   * CUDA runtime is, by which DJL counts the GPUs. Without NVIDIA's driver such a library works as
   * one for CPUs. To be called before the engine is loaded.
   */
  static void configure() {
    String given = System.getenv(GIVEN);
    if (given == null || !Files.exists(Path.of(given, CUDA_ONLY))) {
      return;
    }
    if (!hasDriver()) {
      setUnlessGiven(FLAVOR, "cpu");
      return;
    }
    // DJL's own library for this version of PyTorch; it also works with one for CUDA 12.6.
    setUnlessGiven(FLAVOR, "cu128");
    // Where pip puts it, beside torch/lib.
    Path runtime = Path.of(given, "..", "..", "nvidia", "cuda_runtime", "lib").normalize();
    if (Files.isDirectory(runtime)) {
      setUnlessGiven("jna.library.path", runtime.toString());
    }
  }

  private static boolean hasDriver() {
    try {
      NativeLibrary.getInstance("libcuda.so.1");
      return true;
    } catch (UnsatisfiedLinkError e) {
      return false;
    }
  }

  private static void setUnlessGiven(String property, String value) {
    if (System.getenv(property) == null && System.getProperty(property) == null) {
      System.setProperty(property, value);
    }
  }

  private static String gpu(int index) {
    return String.format(
        Locale.ROOT,
        "gpu:%d, %.1f GiB, compute capability %s",
        index,
        CudaUtils.getGpuMemory(Device.gpu(index)).getMax() / (double) (1L << 30),
        CudaUtils.getComputeCapability(index));
  }

  private static Optional<String> loadedRuntime() {
    try {
      int version = CudaUtils.getCudaVersion();
      return Optional.of(version / 1000 + "." + version / 10 % 10);
    } catch (IllegalStateException e) {
      return Optional.empty();
    }
  }

  private static Optional<String> loadedDriver() {
    try {
      return driverVersion(Files.readString(DRIVER));
    } catch (IOException e) {
      return Optional.empty();
    }
  }

  /** The version in what the driver says of itself. */
  static Optional<String> driverVersion(String text) {
    Matcher version = DRIVER_VERSION.matcher(text);
    return version.find() ? Optional.of(version.group(1)) : Optional.empty();
  }

  /** What is missing for a GPU, in words; empty if it sees one. */
  public Optional<String> lacking() {
    if (!gpus.isEmpty()) {
      return Optional.empty();
    }
    if (!forCuda) {
      String given = System.getenv(GIVEN);
      return Optional.of(
          "its PyTorch is built for CPUs%s; wanted %s=FOLDER with one for CUDA (docs/gpu.md)"
              .formatted(given == null ? "" : " (no " + CUDA_ONLY + " in " + given + ")", GIVEN));
    }
    if (driver.isEmpty()) {
      return Optional.of(
          "no " + DRIVER + "; wanted NVIDIA's driver, and a container that is given GPUs");
    }
    if (runtime.isEmpty()) {
      return Optional.of("no libcudart.so; wanted the CUDA runtime's folder in LD_LIBRARY_PATH");
    }
    return Optional.of(
        "driver %s gives CUDA %s no GPU; wanted a newer driver, or a container that is given GPUs"
            .formatted(driver.get(), runtime.get()));
  }

  /** One line: version, folder and devices, and what is missing for a GPU. */
  @Override
  public String toString() {
    String devices =
        lacking()
            .map(missing -> "no GPU: " + missing)
            .orElseGet(
                () ->
                    "%s, driver %s, CUDA %s"
                        .formatted(
                            String.join("; ", gpus),
                            driver.orElse("unknown"),
                            runtime.orElse("unknown")));
    return "PyTorch %s for %s in %s, %s"
        .formatted(version, forCuda ? "CUDA" : "CPUs", folder, devices);
  }
}
