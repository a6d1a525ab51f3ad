package dev.beit2.model.torch;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

final class TorchLibraryTest {
  private static final Optional<String> NONE = Optional.empty();

  private static TorchLibrary library(
      boolean forCuda, Optional<String> runtime, Optional<String> driver, String... gpus) {
    return new TorchLibrary("2.7.1", Path.of("/lib"), forCuda, runtime, driver, List.of(gpus));
  }

  @Test
  void theLibraryOfTheTestsIsLoadedFromItsFolder() {
    TorchLibrary loaded = TorchLibrary.loaded();
    assertEquals("2.7.1", loaded.version());
    assertTrue(Files.exists(loaded.folder().resolve(System.mapLibraryName("torch"))));
    assertEquals(Torch.devices().size() - 1, loaded.gpus().size());
    assertEquals(loaded.gpus().isEmpty(), loaded.lacking().isPresent());
  }

  @Test
  void whatIsMissingForAGpuIsNamed() {
    assertMissing("built for CPUs; wanted PYTORCH_LIBRARY_PATH=", library(false, NONE, NONE));
    assertMissing("no /proc/driver/nvidia/version", library(true, NONE, NONE));
    assertMissing("no libcudart.so", library(true, NONE, Optional.of("550.1")));
    assertMissing(
        "driver 410.48 gives CUDA 12.6 no GPU; wanted a newer driver",
        library(true, Optional.of("12.6"), Optional.of("410.48")));
  }

  private static void assertMissing(String wanted, TorchLibrary library) {
    assertTrue(library.lacking().orElseThrow().contains(wanted), library::toString);
    assertTrue(library.toString().contains(", no GPU: " + library.lacking().get()));
  }

  @Test
  void aGpuIsToldInOneLine() {
    TorchLibrary library =
        library(true, Optional.of("12.8"), Optional.of("550.54.15"), "gpu:0, 139.8 GiB");
    assertEquals(Optional.empty(), library.lacking());
    assertEquals(
        "PyTorch 2.7.1 for CUDA in /lib, gpu:0, 139.8 GiB, driver 550.54.15, CUDA 12.8",
        library.toString());
  }

  @ParameterizedTest
  @CsvSource({
    "NVRM version: NVIDIA UNIX x86_64 Kernel Module  550.54.15  Tue Mar  5 22:23:56 UTC 2024, 550.54.15",
    "NVRM version: NVIDIA UNIX Open Kernel Module for x86_64  570.86.10  Release Build, 570.86.10"
  })
  void theDriverTellsItsVersion(String text, String version) {
    assertEquals(
        Optional.of(version), TorchLibrary.driverVersion(text + "\nGCC version: 12.2.0\n"));
  }
}
