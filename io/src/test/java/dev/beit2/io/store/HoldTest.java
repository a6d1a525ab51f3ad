package dev.beit2.io.store;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.beit2.io.InvalidInputException;
import java.io.IOException;
import java.lang.ProcessBuilder.Redirect;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.util.concurrent.TimeUnit;
import org.apache.beam.sdk.extensions.gcp.auth.NoopCredentialFactory;
import org.apache.beam.sdk.extensions.gcp.options.GcsOptions;
import org.apache.beam.sdk.io.FileSystems;
import org.apache.beam.sdk.options.PipelineOptionsFactory;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

@Timeout(value = 5, unit = TimeUnit.MINUTES) // ends a test that hangs
final class HoldTest {
  private static final Duration SELDOM = Duration.ofHours(1);
  private static final StoredFile IN_BUCKET = StoredFile.in("gs://bucket/run", Hold.FILE);

  @TempDir Path folder;
  private FakeGcs store;

  /** Holds a folder until it is killed. */
  static final class Main {
    public static void main(String[] args) throws Exception {
      Hold.take(args[0]);
      System.out.println("held");
      Thread.sleep(Long.MAX_VALUE);
    }
  }

  @BeforeEach
  void startStore() throws IOException {
    store = new FakeGcs();
    GcsOptions options = PipelineOptionsFactory.create().as(GcsOptions.class);
    options.setGcsEndpoint(store.endpoint());
    options.setCredentialFactoryClass(NoopCredentialFactory.class);
    FileSystems.setDefaultPipelineOptions(options);
  }

  @AfterEach
  void stopStore() {
    store.close();
    FileSystems.setDefaultPipelineOptions(PipelineOptionsFactory.create());
  }

  private static String refusal(String directory) {
    return assertThrows(InvalidInputException.class, () -> Hold.take(directory)).getMessage();
  }

  private static Holder elsewhere(long renewed) {
    return new Holder("other", "far", "another machine", 7, 5, "2026-01-02T03:04:05Z", renewed);
  }

  @Test
  void aFolderHasOneHolderAtATime() throws IOException {
    for (String directory :
        new String[] {folder.resolve("new/run").toString(), "gs://bucket/run"}) {
      try (Hold held = Hold.take(directory)) {
        String told = refusal(directory + "/");
        long here = ProcessHandle.current().pid();
        assertTrue(told.startsWith("found it held by process " + here + " on "), told);
        assertTrue(
            told.matches(".* since \\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\dZ; wanted .*"), told);
      }
      Hold.take(directory).close();
    }
    assertFalse(store.objects.containsKey("run/" + Hold.FILE));
  }

  @Test
  void anotherProcessHoldsUntilItIsKilled() throws Exception {
    String directory = folder.resolve("run").toString();
    Process other =
        new ProcessBuilder(
                Path.of(System.getProperty("java.home"), "bin", "java").toString(),
                "-cp",
                System.getProperty("java.class.path"),
                Main.class.getName(),
                directory)
            .redirectError(Redirect.INHERIT)
            .start();
    try {
      assertEquals("held", other.inputReader().readLine());
      String told = refusal(directory);
      assertTrue(told.startsWith("found it held by process " + other.pid() + " on "), told);
      // To be told does not end the other's lock.
      assertEquals(told, refusal(directory));
    } finally {
      other.destroyForcibly().waitFor();
    }
    Hold.take(directory).close();
  }

  @Test
  void aHolderOfWhichThereIsNoProcessIsNone() throws Exception {
    Process ended = new ProcessBuilder("true").start();
    ended.waitFor();
    Holder here = Holder.here();
    long now = System.currentTimeMillis();
    Holder gone =
        new Holder("a", "h", here.machine(), ended.pid(), here.started(), here.since(), now);
    Holder sameNumber =
        new Holder(
            "b", "h", here.machine(), here.process(), here.started() - 60, here.since(), now);
    for (Holder stale : new Holder[] {gone, sameNumber}) {
      IN_BUCKET.write(stale.json());
      try (Hold held = Hold.take("gs://bucket/run")) {
        assertEquals(here.process(), written().process());
      }
    }
  }

  private static Holder written() throws IOException {
    return Holder.parse(IN_BUCKET.version().orElseThrow().text()).orElseThrow();
  }

  @Test
  void aHolderElsewhereIsOneWhileItRenews() throws IOException {
    long now = System.currentTimeMillis();
    IN_BUCKET.write(elsewhere(now - 60_000).json());
    String told = refusal("gs://bucket/run");
    assertTrue(told.contains("process 7 on far since 2026-01-02T03:04:05Z, elsewhere"), told);
    assertTrue(told.contains("90 seconds"), told);
    IN_BUCKET.write(elsewhere(now - 120_000).json());
    Hold.take("gs://bucket/run").close();
  }

  @Test
  void aDamagedFileHoldsNothing() throws IOException {
    for (String text : new String[] {"", "{", "null", "{}", "[1]"}) {
      IN_BUCKET.write(text);
      Hold.take("gs://bucket/run").close();
      Files.writeString(folder.resolve(Hold.FILE), text);
      Hold.take(folder.toString()).close();
    }
  }

  @Test
  void theHolderRenewsAndDoesNotTakeBackWhatAnotherHasTaken() throws Exception {
    Holder old = elsewhere(0);
    try (Hold held = RenewedHold.take(IN_BUCKET, old, Duration.ofMillis(10))) {
      while (written().renewed() == 0) {
        Thread.sleep(5);
      }
      Holder other = Holder.here();
      IN_BUCKET.write(other.json());
      Thread.sleep(100);
      assertEquals(other, written());
    }
    assertTrue(store.objects.containsKey("run/" + Hold.FILE));
  }

  @Test
  void aLostAnswerIsNoOtherStart() throws IOException {
    store.lostAnswers.put("POST", 1);
    Holder here = Holder.here();
    try (Hold held = RenewedHold.take(IN_BUCKET, here, SELDOM)) {
      assertEquals(here, written());
    }
  }
}
