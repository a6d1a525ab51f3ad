package dev.beit2.pipelines.cluster;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.beit2.pipelines.Commands;
import dev.beit2.pipelines.cli.CommandLine;
import dev.beit2.pipelines.flink.FlinkJobs;
import dev.beit2.pipelines.mim.PretrainMim;
import dev.beit2.pipelines.tokenize.TokenizeDataset;
import dev.beit2.pipelines.vqkd.TrainTokenizer;
import java.io.IOException;
import java.nio.file.FileSystems;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.PathMatcher;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.concurrent.TimeUnit;
import java.util.stream.Stream;
import org.apache.flink.kubernetes.shaded.io.fabric8.kubernetes.api.model.Container;
import org.apache.flink.kubernetes.shaded.io.fabric8.kubernetes.api.model.EnvVar;
import org.junit.jupiter.api.Tag;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.Timeout;
import org.junit.jupiter.api.io.TempDir;

/** infra/flink without Kubernetes and Docker, as far as this machine can run it. */
@Timeout(value = 10, unit = TimeUnit.MINUTES) // ends a test that hangs
@Tag("slow")
final class ManifestsIT {
  @TempDir Path dir;

  /**
   * The cluster of the overlay cpu-dev and its launcher, as processes: with its settings, the
   * arguments of the JVM and of Flink in the pod that Flink makes, and the launcher's options.
   */
  @Test
  void aClusterWithTheSettingsOfTheManifestsPretrains() throws Exception {
    Manifests manifests = Manifests.ofOverlay("cpu-dev");
    int port = LocalCluster.freePort();
    Path conf = Files.createDirectories(dir.resolve("conf"));
    Files.writeString(
        conf.resolve("flink-conf.yaml"), settings(manifests, port, LocalCluster.freePort()));
    List<String> java = List.of(manifests.settings().get("env.java.opts.all").split(" "));
    ClusterProcess jobManager = new ClusterProcess(dir, "jobmanager");
    List<ClusterProcess> all = new ArrayList<>(List.of(jobManager));
    try {
      jobManager.start(
          concat(List.of("-Xmx768m"), java),
          Files.readString(Path.of("target/flink-lib-classpath")).strip(),
          List.of(
              "org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint",
              "--configDir",
              conf.toString()));
      for (int i = 1; i <= 2; i++) {
        ClusterProcess taskManager = new ClusterProcess(dir, "taskmanager-" + i);
        all.add(taskManager);
        startTaskManager(manifests, taskManager, java, conf);
      }
      String master = "127.0.0.1:" + port;
      Path shards = shards();
      Commands.await("two slots", () -> slots(master) == 2);
      Commands.run(PretrainMim.COMMAND, launcher(manifests, shards, master)).expect(CommandLine.OK);
      assertTrue(Files.exists(dir.resolve("runs/pretrain/checkpoints/step-000002/state.json")));
      assertEquals(
          List.of("FINISHED"),
          FlinkJobs.at(master).jobs().stream().map(FlinkJobs.Job::state).distinct().toList());
    } finally {
      for (ClusterProcess process : all) {
        process.kill();
      }
    }
  }

  /** What the manifest sets, but for Kubernetes, and the addresses that it would give. */
  private static String settings(Manifests manifests, int restPort, int rpcPort)
      throws IOException {
    Map<String, String> settings = new TreeMap<>(manifests.settings());
    settings.keySet().removeIf(name -> name.matches("(kubernetes|high-availability|env)\\..*"));
    settings.put("metrics.reporter.prometheus.port", "0"); // three processes on one machine
    settings.put("jobmanager.rpc.port", Integer.toString(rpcPort));
    settings.put("rest.port", Integer.toString(restPort));
    for (String address :
        List.of(
            "jobmanager.rpc.address", "rest.address", "rest.bind-address", "taskmanager.host")) {
      settings.put(address, "127.0.0.1");
    }
    StringBuilder text = new StringBuilder();
    settings.forEach((name, value) -> text.append(name + ": " + value + "\n"));
    return text.toString();
  }

  private static void startTaskManager(
      Manifests manifests, ClusterProcess process, List<String> java, Path conf) throws Exception {
    Container container = manifests.taskManagerPod().getSpec().getContainers().get(0);
    String memory =
        container.getEnv().stream()
            .filter(variable -> variable.getName().equals("FLINK_TM_JVM_MEM_OPTS"))
            .map(EnvVar::getValue)
            .findAny()
            .orElseThrow();
    List<String> command = new ArrayList<>();
    command.add("org.apache.flink.runtime.taskexecutor.TaskManagerRunner");
    command.addAll(List.of("--configDir", conf.toString()));
    // "kubernetes-taskmanager.sh -D name=value ... ARGUMENTS", of which the latter are Kubernetes'.
    String script = container.getArgs().get(container.getArgs().size() - 1);
    Stream.of(script.split(" -D ", -1))
        .skip(1)
        .map(setting -> setting.strip().split(" ")[0].replaceAll("[\"']", ""))
        .forEach(setting -> command.addAll(List.of("-D", setting)));
    assertTrue(
        command.stream().anyMatch(setting -> setting.contains("off-heap.size=1610612736b")),
        script);
    process.start(
        concat(List.of(memory.split(" ")), java),
        Files.readString(Path.of("target/flink-lib-classpath")).strip(),
        command);
  }

  private static List<String> concat(List<String> first, List<String> second) {
    return Stream.concat(first.stream(), second.stream()).filter(text -> !text.isEmpty()).toList();
  }

  private static int slots(String master) throws InterruptedException {
    try {
      return FlinkJobs.at(master).overview().slots();
    } catch (IOException e) {
      return 0; // it is starting
    }
  }

  /** The launcher's options, with this machine's folders and address, and few steps. */
  private List<String> launcher(Manifests manifests, Path shards, String master)
      throws IOException {
    List<String> given = manifests.launcher();
    assertEquals("pretrain", given.get(0));
    List<String> args = new ArrayList<>();
    for (String option : given.subList(1, given.size())) {
      args.add(
          option
              .replace("/data/shards", shards.toString())
              .replace("/data/", dir + "/")
              .replace("beit2-rest:8081", master)
              .replace("--localSteps=50", "--localSteps=1"));
    }
    args.addAll(List.of("--steps=2", "--batchSize=2"));
    return args;
  }

  private Path shards() throws IOException {
    Path images = dir.resolve("images");
    Commands.copyImages(images, 4, "bird", "lake");
    Commands.run(
            TrainTokenizer.COMMAND,
            List.of(
                "--input=" + images,
                "--output=" + dir.resolve("tokenizer"),
                "--preset=tiny",
                "--batchSize=4",
                "--steps=1",
                "--codebookSize=16"))
        .expect(CommandLine.OK);
    Path shards = dir.resolve("shards");
    Commands.run(
            TokenizeDataset.COMMAND,
            List.of(
                "--input=" + images,
                "--tokenizer=" + dir.resolve("tokenizer"),
                "--output=" + shards))
        .expect(CommandLine.OK);
    return shards;
  }

  /** Each file that a Dockerfile copies exists after the build, and docker build may see it. */
  @Test
  void whatTheImageCopiesIsThere() throws IOException {
    Path home = Path.of("..");
    List<String> copied = new ArrayList<>();
    for (String line : Files.readAllLines(Manifests.FOLDER.resolve("Dockerfile"))) {
      if (line.startsWith("COPY ") && !line.contains("--from")) {
        List<String> words = List.of(line.split(" +"));
        copied.addAll(words.subList(1, words.size() - 1));
      }
    }
    assertFalse(copied.isEmpty());
    List<String> sent =
        Files.readAllLines(Manifests.FOLDER.resolve("Dockerfile.dockerignore")).stream()
            .filter(line -> line.startsWith("!"))
            .map(line -> line.substring(1))
            .toList();
    for (String path : copied) {
      assertFalse(matching(home, path.replaceFirst("/$", "")).isEmpty(), path);
      assertTrue(sent.stream().anyMatch(allowed -> (path + "/").startsWith(allowed + "/")), path);
    }
    assertTrue(matching(home, "pipelines/target/image/lib/pytorch-native-cpu-*.jar").size() == 1);
    assertTrue(matching(home, "pipelines/target/image/lib/flink-*.jar").isEmpty());
  }

  private static List<Path> matching(Path home, String pattern) throws IOException {
    Path folder = home.resolve(pattern).getParent();
    PathMatcher matcher = FileSystems.getDefault().getPathMatcher("glob:" + home.resolve(pattern));
    try (Stream<Path> files = Files.list(folder)) {
      return files.filter(matcher::matches).toList();
    }
  }
}
