package dev.beit2.pipelines.cluster;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.beit2.io.Json;
import dev.beit2.pipelines.cli.InvalidOptionException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class LocalClusterTest {
  @TempDir Path dir;

  @Test
  void readsTheSettingsOfACluster() throws Exception {
    LocalCluster.Settings settings =
        new LocalCluster.Settings(2, 1, 1024, 512, 1, 7000, 7001, true);
    assertEquals(Optional.empty(), LocalCluster.in(dir));
    Files.writeString(dir.resolve("cluster.json"), Json.pretty(settings));
    assertEquals(settings, LocalCluster.in(dir).orElseThrow().settings());
  }

  @Test
  void readsSettingsWithoutLaterOptions() throws Exception {
    Files.writeString(
        dir.resolve("cluster.json"),
        """
        {"taskManagers": 2, "slots": 1, "heapMegabytes": 1024, "managedMegabytes": 512,
         "processors": 1, "rpcPort": 7000, "restPort": 7001}
        """);
    assertFalse(LocalCluster.in(dir).orElseThrow().settings().keepClasses());
  }

  @Test
  void classesThatAreKeptAreFlinksOwn() throws Exception {
    String order = "classloader.resolve-order";
    assertEquals("parent-first", cluster(true).configuration().get(order));
    assertFalse(cluster(false).configuration().containsKey(order));
  }

  private LocalCluster cluster(boolean keepClasses) throws Exception {
    return LocalCluster.create(
        dir, new LocalCluster.Settings(2, 1, 1024, 512, 1, 7000, 7001, keepClasses));
  }

  /** Ports that a system gives to connections could be taken before the cluster binds them. */
  @Test
  void portsAreNotThoseOfConnections() throws Exception {
    for (int i = 0; i < 100; i++) {
      int port = LocalCluster.freePort();
      assertTrue(port >= 20_000 && port < 32_768, "port " + port);
    }
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "[]", "{\"taskManagers\": 2}", "{\"taskManagers\": \"two\"}"})
  void refusesOtherSettings(String json) throws Exception {
    Files.writeString(dir.resolve("cluster.json"), json);
    InvalidOptionException refused =
        assertThrows(InvalidOptionException.class, () -> LocalCluster.in(dir));
    assertTrue(refused.getMessage().startsWith("--dir=" + dir + ": found "), refused.getMessage());
    assertTrue(refused.getMessage().contains("cluster.json"), refused.getMessage());
  }
}
