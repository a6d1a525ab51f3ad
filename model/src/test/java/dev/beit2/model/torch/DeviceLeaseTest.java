package dev.beit2.model.torch;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertSame;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.io.IOException;
import java.lang.reflect.Constructor;
import java.lang.reflect.Method;
import java.net.URL;
import java.net.URLClassLoader;
import java.util.List;
import java.util.Optional;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;

/** Leases on devices that are not there: a list of two GPUs stands for the engine's. */
@Timeout(value = 20, threadMode = Timeout.ThreadMode.SEPARATE_THREAD)
class DeviceLeaseTest {
  private static final String PROPERTY = "dev.beit2.devices.test";
  private static final TorchDevice CPU = TorchDevice.cpu();

  private final DeviceRegistry twoGpus =
      new DeviceRegistry(List.of(TorchDevice.gpu(0), TorchDevice.gpu(1), CPU), PROPERTY);
  private final DeviceRegistry noGpu = new DeviceRegistry(List.of(CPU), PROPERTY);

  private static final class Resident implements AutoCloseable {
    private boolean closed;

    @Override
    public void close() {
      closed = true;
    }
  }

  @AfterEach
  void forget() {
    System.getProperties().remove(PROPERTY);
  }

  private DeviceLease gpu(String run, int worker) throws InterruptedException {
    return twoGpus.acquire(DeviceChoice.GPU, run, worker);
  }

  private CompletableFuture<DeviceLease> later(String run, int worker) {
    return CompletableFuture.supplyAsync(
        () -> {
          try {
            return gpu(run, worker);
          } catch (InterruptedException e) {
            throw new IllegalStateException(e);
          }
        });
  }

  private static void assertWaits(CompletableFuture<DeviceLease> lease) throws Exception {
    Thread.sleep(50);
    assertFalse(lease.isDone());
  }

  private static Resident leave(DeviceLease lease) {
    Resident resident = new Resident();
    lease.keep(resident);
    lease.close();
    return resident;
  }

  @Test
  void aGpuHasOneWorkerAtATime() throws Exception {
    DeviceLease first = gpu("run", 0);
    DeviceLease second = twoGpus.acquire(DeviceChoice.AUTO, "run", 1);
    assertEquals(TorchDevice.gpu(0), first.device());
    assertEquals(TorchDevice.gpu(1), second.device());
    CompletableFuture<DeviceLease> third = later("other run", 0);
    CompletableFuture<DeviceLease> fourth = later("other run", 1);
    assertWaits(third);
    second.close();
    second.close();
    DeviceLease next =
        (DeviceLease) CompletableFuture.anyOf(third, fourth).get(5, TimeUnit.SECONDS);
    assertEquals(TorchDevice.gpu(1), next.device());
    assertWaits(third.isDone() ? fourth : third);
    first.close();
    assertEquals(
        TorchDevice.gpu(0),
        (third.get().equals(next) ? fourth : third).get(5, TimeUnit.SECONDS).device());
  }

  @Test
  void waitingCanBeInterrupted() throws Exception {
    try (DeviceLease first = gpu("run", 0);
        DeviceLease second = gpu("run", 1)) {
      CompletableFuture<Throwable> end = new CompletableFuture<>();
      Thread third =
          new Thread(
              () ->
                  end.complete(
                      assertThrows(InterruptedException.class, () -> gpu("run", 2).close())));
      third.start();
      third.interrupt();
      end.get(5, TimeUnit.SECONDS);
      assertTrue(first.device() != second.device());
    }
  }

  @Test
  void aWorkerGetsBackWhatItKept() throws Exception {
    DeviceLease zero = gpu("run", 0);
    DeviceLease one = gpu("run", 1);
    Resident ofZero = leave(zero);
    Resident ofOne = leave(one);
    try (DeviceLease back = gpu("run", 1)) {
      assertEquals(TorchDevice.gpu(1), back.device());
      assertSame(ofOne, back.resident().orElseThrow());
    }
    // Taken out, so the second time there is nothing.
    try (DeviceLease again = gpu("run", 1)) {
      assertEquals(Optional.empty(), again.resident());
    }
    assertFalse(ofZero.closed || ofOne.closed);
  }

  @Test
  void anotherWorkerOnAGpuClosesWhatIsKeptThere() throws Exception {
    DeviceLease zero = gpu("run", 0);
    DeviceLease one = gpu("run", 1);
    one.close();
    Resident ofZero = leave(zero);
    // An empty GPU comes first, whatever its number.
    DeviceLease other = gpu("other run", 0);
    assertEquals(TorchDevice.gpu(1), other.device());
    assertFalse(ofZero.closed);
    try (DeviceLease another = gpu("other run", 1)) {
      assertEquals(TorchDevice.gpu(0), another.device());
      assertEquals(Optional.empty(), another.resident());
      assertTrue(ofZero.closed);
    }
    try (DeviceLease late = gpu("run", 0)) {
      assertEquals(Optional.empty(), late.resident());
      Resident ofLate = leave(late);
      // Even of the same run: a GPU's memory is for one worker.
      try (DeviceLease worker = gpu("run", 1)) {
        assertEquals(late.device(), worker.device());
        assertTrue(ofLate.closed);
      }
    }
  }

  @Test
  void theCpuHasAnyNumberOfWorkersOfOneRun() throws Exception {
    DeviceLease zero = noGpu.acquire(DeviceChoice.AUTO, "run", 0);
    DeviceLease one = noGpu.acquire(DeviceChoice.CPU, "run", 1);
    assertEquals(CPU, zero.device());
    assertEquals(CPU, one.device());
    Resident ofZero = leave(zero);
    Resident ofOne = leave(one);
    try (DeviceLease back = noGpu.acquire(DeviceChoice.AUTO, "run", 0)) {
      assertSame(ofZero, back.resident().orElseThrow());
      assertFalse(ofOne.closed);
      // A lease on a GPU closes nothing that is kept on the CPU.
      gpu("third run", 0).close();
      assertFalse(ofOne.closed);
      noGpu.acquire(DeviceChoice.AUTO, "other run", 0).close();
      assertTrue(ofOne.closed);
      assertFalse(ofZero.closed);
    }
  }

  @Test
  void evictingARunClosesWhatItKept() throws Exception {
    Resident here = leave(gpu("run", 0));
    Resident there = leave(noGpu.acquire(DeviceChoice.CPU, "run", 1));
    Resident other = leave(gpu("other run", 0));
    twoGpus.evict("run");
    assertTrue(here.closed && there.closed);
    assertFalse(other.closed);
  }

  @Test
  void refusesToLeaseAGpuWithoutOne() {
    NoGpuException refusal =
        assertThrows(NoGpuException.class, () -> noGpu.acquire(DeviceChoice.GPU, "run", 0).close());
    assertEquals("found [cpu]; wanted a GPU that PyTorch sees", refusal.getMessage());
  }

  @Test
  void returnsTheGpuIfWhatIsKeptThereCannotBeClosed() throws Exception {
    DeviceRegistry oneGpu = new DeviceRegistry(List.of(TorchDevice.gpu(0), CPU), PROPERTY);
    DeviceLease first = oneGpu.acquire(DeviceChoice.GPU, "run", 0);
    first.keep(
        () -> {
          throw new IOException("stuck");
        });
    first.close();
    IllegalStateException failure =
        assertThrows(
            IllegalStateException.class,
            () -> oneGpu.acquire(DeviceChoice.GPU, "other run", 0).close());
    assertEquals("stuck", failure.getCause().getMessage());
    oneGpu.acquire(DeviceChoice.GPU, "other run", 0).close();
  }

  /** Our classes loaded again, as for a Flink job. */
  private static final class Job {
    private final Object registry;
    private final Method acquire;
    private final Object gpu;

    Job(ClassLoader loader) throws ReflectiveOperationException {
      Class<?> registryClass = loader.loadClass(DeviceRegistry.class.getName());
      assertSame(loader, registryClass.getClassLoader());
      Class<?> choice = loader.loadClass(DeviceChoice.class.getName());
      Class<?> device = loader.loadClass(TorchDevice.class.getName());
      Constructor<?> constructor = registryClass.getDeclaredConstructor(List.class, String.class);
      constructor.setAccessible(true);
      registry =
          constructor.newInstance(
              List.of(device.getMethod("gpu", int.class).invoke(null, 0)), PROPERTY);
      acquire = registryClass.getDeclaredMethod("acquire", choice, String.class, int.class);
      acquire.setAccessible(true);
      gpu = choice.getField("GPU").get(null);
    }

    AutoCloseable lease(String run, int worker) {
      try {
        return (AutoCloseable) acquire.invoke(registry, gpu, run, worker);
      } catch (ReflectiveOperationException e) {
        throw new IllegalStateException(e);
      }
    }

    static void keep(AutoCloseable lease, AutoCloseable resident)
        throws ReflectiveOperationException {
      lease.getClass().getMethod("keep", AutoCloseable.class).invoke(lease, resident);
    }

    static Object resident(AutoCloseable lease) throws ReflectiveOperationException {
      return lease.getClass().getMethod("resident").invoke(lease);
    }
  }

  @Test
  void jobsOfOtherClassLoadersShareTheDevices() throws Exception {
    URL[] classes = {DeviceRegistry.class.getProtectionDomain().getCodeSource().getLocation()};
    try (URLClassLoader firstLoader =
            new URLClassLoader(classes, ClassLoader.getPlatformClassLoader());
        URLClassLoader secondLoader =
            new URLClassLoader(classes, ClassLoader.getPlatformClassLoader())) {
      Job first = new Job(firstLoader);
      Job restarted = new Job(secondLoader);
      AutoCloseable lease = first.lease("run", 0);
      CompletableFuture<AutoCloseable> waiting =
          CompletableFuture.supplyAsync(() -> restarted.lease("run", 0));
      Thread.sleep(50);
      assertFalse(waiting.isDone());
      Resident resident = new Resident();
      Job.keep(lease, resident);
      lease.close();
      // The same worker, but it left objects of classes that the restarted job does not know.
      AutoCloseable taken = waiting.get(5, TimeUnit.SECONDS);
      assertEquals(Optional.empty(), Job.resident(taken));
      assertTrue(resident.closed);
      Resident own = new Resident();
      Job.keep(taken, own);
      taken.close();
      try (AutoCloseable back = restarted.lease("run", 0)) {
        assertEquals(Optional.of(own), Job.resident(back));
      }
    }
  }
}
