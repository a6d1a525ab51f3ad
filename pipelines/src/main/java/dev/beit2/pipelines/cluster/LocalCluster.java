package dev.beit2.pipelines.cluster;

import static java.util.Objects.requireNonNull;

import com.fasterxml.jackson.core.JsonProcessingException;
import dev.beit2.io.Json;
import dev.beit2.pipelines.cli.Home;
import dev.beit2.pipelines.cli.InvalidOptionException;
import dev.beit2.pipelines.cli.LocalFolder;
import dev.beit2.pipelines.flink.FlinkJobs;
import java.io.File;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.net.BindException;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.concurrent.ThreadLocalRandom;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;
import javax.annotation.Nullable;

/**
 * A Flink cluster on this machine: a JobManager and TaskManagers, each in its own JVM, on the
 * loopback device. They run the jars that the build has collected. One folder holds everything that
 * is known about the cluster:
 *
 * <pre>
 * DIR/rest.url                              http://127.0.0.1:PORT
 * DIR/jobmanager.pid, DIR/taskmanager-N.pid and .log, N from 1
 * DIR/cluster.json                          its settings
 * DIR/conf/                                 Flink's configuration
 * DIR/tmp/                                  temporary files of the processes
 * </pre>
 */
public final class LocalCluster {
  /**
   * Packages that load native libraries. A JVM loads a native library for one class loader only, so
   * Flink must take these classes from its own class path and never from a job's jar; otherwise the
   * second job on a TaskManager fails.
   */
  static final List<String> PARENT_FIRST =
      List.of(
          "ai.djl.",
          "org.bytedeco.",
          "com.sun.jna.",
          "com.github.luben.zstd.",
          "org.xerial.snappy.",
          "net.jpountz.",
          "org.conscrypt.");

  private static final String HOST = "127.0.0.1";
  private static final String SETTINGS = "cluster.json";
  private static final String REST = "rest.url";
  private static final Duration STARTING = Duration.ofMinutes(2);

  // What Flink itself needs, on the heap and off it.
  private static final int FRAMEWORK_MEGABYTES = 128;
  private static final int TASK_OFF_HEAP_MEGABYTES = 512;
  // Network buffers for the shuffles of ten rounds in one job.
  private static final int NETWORK_MEGABYTES = 256;
  // What a process takes over from the JVM that starts it: access for the reflection of Beam and
  // Flink, the options that ./beit2 and the tests give to every JVM (one returns the memory of
  // freed
  // tensors), and BEIT2_CACHE.
  private static final Pattern INHERITED =
      Pattern.compile("--add-opens.*|-XX:.*|-Dorg\\.bytedeco\\.javacpp\\.cachedir=.*");
  private static final int JOB_MANAGER_HEAP_MEGABYTES = 768;

  private final Path directory;
  private final Settings settings;
  private final ClusterProcess jobManager;

  /**
   * @param taskManagers number of TaskManagers
   * @param slots per TaskManager
   * @param heapMegabytes per TaskManager
   * @param managedMegabytes per TaskManager: off-heap memory in which Flink sorts and groups
   * @param processors per TaskManager
   * @param rpcPort of the JobManager, for TaskManagers
   * @param restPort of the JobManager, for everybody else
   * @param keepClasses whether the classes of jobs are in Flink's class path, so that the next job
   *     finds them loaded and compiled; null, as in a file without it, becomes false
   */
  record Settings(
      int taskManagers,
      int slots,
      int heapMegabytes,
      int managedMegabytes,
      int processors,
      int rpcPort,
      int restPort,
      @Nullable Boolean keepClasses) {
    Settings {
      keepClasses = Boolean.TRUE.equals(keepClasses);
    }

    Settings withTaskManagers(int number) {
      return new Settings(
          number,
          slots,
          heapMegabytes,
          managedMegabytes,
          processors,
          rpcPort,
          restPort,
          keepClasses);
    }
  }

  /** A request to a cluster has failed; the message says why, in several lines. */
  static final class ClusterException extends Exception {
    private static final long serialVersionUID = 1L;

    ClusterException(String message) {
      super(message);
    }
  }

  private LocalCluster(Path directory, Settings settings) {
    this.directory = directory;
    this.settings = requireNonNull(settings, "settings is null");
    this.jobManager = new ClusterProcess(directory, "jobmanager");
  }

  /**
   * The cluster that was set up in a folder, whether it runs or not.
   *
   * @throws InvalidOptionException if its settings are not what {@code cluster start} wrote
   */
  static Optional<LocalCluster> in(Path directory) throws IOException {
    Path file = directory.resolve(SETTINGS);
    if (!Files.exists(file)) {
      return Optional.empty();
    }
    try {
      Settings settings = Json.read(Files.readString(file), Settings.class);
      return Optional.of(new LocalCluster(directory.toRealPath(), settings));
    } catch (JsonProcessingException e) {
      throw new InvalidOptionException(
          "--dir=" + directory,
          "%s (%s)".formatted(file, Json.reason(e)),
          "the settings that ./beit2 cluster start wrote");
    }
  }

  /** Sets up a cluster without starting it. No cluster may be running in the folder. */
  static LocalCluster create(Path directory, Settings settings) throws IOException {
    Files.createDirectories(directory);
    return new LocalCluster(directory.toRealPath(), settings);
  }

  /**
   * A free port of the loopback device. It is below those that systems give to sockets that ask for
   * none (from 32768 on Linux, from 49152 elsewhere): so nothing takes it until the cluster does,
   * neither a connection nor another service of the same JobManager.
   */
  static int freePort() throws IOException {
    BindException failure = null;
    for (int attempt = 0; attempt < 100; attempt++) {
      int port = ThreadLocalRandom.current().nextInt(20_000, 32_768);
      try (ServerSocket socket = new ServerSocket(port, 1, InetAddress.getByName(HOST))) {
        return socket.getLocalPort();
      } catch (BindException e) {
        failure = e;
      }
    }
    throw requireNonNull(failure);
  }

  Settings settings() {
    return settings;
  }

  /** The value of {@code --flinkMaster} for this cluster. */
  public String master() {
    return HOST + ":" + settings.restPort();
  }

  public FlinkJobs jobs() {
    return FlinkJobs.at(master());
  }

  ClusterProcess jobManager() {
    return jobManager;
  }

  /**
   * @param number from 1
   */
  ClusterProcess taskManager(int number) {
    return new ClusterProcess(directory, "taskmanager-" + number);
  }

  /** All processes, whether they run or not: the JobManager, then the TaskManagers by number. */
  List<ClusterProcess> processes() {
    return Stream.concat(
            Stream.of(jobManager),
            IntStream.rangeClosed(1, settings.taskManagers()).mapToObj(this::taskManager))
        .toList();
  }

  /** The processes that run. */
  List<ClusterProcess> running() throws IOException {
    List<ClusterProcess> running = new ArrayList<>();
    for (ClusterProcess process : processes()) {
      if (process.alive()) {
        running.add(process);
      }
    }
    return running;
  }

  /**
   * Starts the processes that do not run, and returns when all TaskManagers are registered.
   *
   * @return the started processes
   * @throws ClusterException if a TaskManager does not register in time
   */
  List<ClusterProcess> start() throws IOException, InterruptedException, ClusterException {
    write();
    Instant begin = now();
    List<ClusterProcess> missing = new ArrayList<>(processes());
    missing.removeAll(running());
    for (ClusterProcess process : missing) {
      start(process);
    }
    awaitRegistered(processes().subList(1, processes().size()), begin);
    return missing;
  }

  /**
   * Starts one more TaskManager and returns the larger cluster when it is registered.
   *
   * @throws ClusterException if the JobManager is down, or the TaskManager does not register in
   *     time
   */
  LocalCluster withOneMore() throws IOException, InterruptedException, ClusterException {
    if (!jobManager.alive()) {
      throw new ClusterException("the JobManager is down: start the cluster first");
    }
    LocalCluster larger =
        new LocalCluster(directory, settings.withTaskManagers(settings.taskManagers() + 1));
    larger.write();
    Instant begin = now();
    ClusterProcess added = larger.taskManager(larger.settings.taskManagers());
    larger.start(added);
    larger.awaitRegistered(List.of(added), begin);
    return larger;
  }

  /** The time with the precision of Flink's heartbeats. */
  private static Instant now() {
    return Instant.now().truncatedTo(ChronoUnit.MILLIS);
  }

  /** Ends all processes and removes their pid files. */
  void stop() throws IOException, InterruptedException {
    for (ClusterProcess process : processes()) {
      process.terminate();
    }
    for (ClusterProcess process : processes()) {
      process.awaitEnd();
    }
    Files.deleteIfExists(directory.resolve(REST));
    LocalFolder.delete(directory.resolve("tmp"));
  }

  private void write() throws IOException {
    Path conf = Files.createDirectories(directory.resolve("conf"));
    Files.writeString(
        conf.resolve("flink-conf.yaml"),
        configuration().entrySet().stream()
            .map(entry -> entry.getKey() + ": " + entry.getValue() + "\n")
            .collect(Collectors.joining()));
    Files.writeString(directory.resolve(SETTINGS), Json.pretty(settings));
    Files.writeString(directory.resolve(REST), "http://" + master() + "\n");
  }

  /** The settings of Flink. */
  Map<String, Object> configuration() {
    Map<String, Object> conf = new LinkedHashMap<>();
    for (String address :
        List.of(
            "jobmanager.rpc.address",
            "jobmanager.bind-host",
            "rest.address",
            "rest.bind-address",
            "taskmanager.host",
            "taskmanager.bind-host")) {
      conf.put(address, HOST);
    }
    // Fixed, so that TaskManagers find a restarted JobManager. All other ports are random.
    conf.put("jobmanager.rpc.port", settings.rpcPort());
    conf.put("rest.port", settings.restPort());
    conf.put("rest.bind-port", settings.restPort());

    conf.put("taskmanager.numberOfTaskSlots", settings.slots());
    conf.put("taskmanager.cpu.cores", settings.processors());
    conf.put("taskmanager.memory.framework.heap.size", FRAMEWORK_MEGABYTES + "m");
    conf.put(
        "taskmanager.memory.task.heap.size", settings.heapMegabytes() - FRAMEWORK_MEGABYTES + "m");
    conf.put("taskmanager.memory.framework.off-heap.size", FRAMEWORK_MEGABYTES + "m");
    conf.put("taskmanager.memory.task.off-heap.size", TASK_OFF_HEAP_MEGABYTES + "m");
    // Flink adds them up to the total memory; the JVM does not have these limits.
    conf.put("taskmanager.memory.jvm-metaspace.size", "256m");
    conf.put("taskmanager.memory.jvm-overhead.min", FRAMEWORK_MEGABYTES + "m");
    conf.put("taskmanager.memory.jvm-overhead.max", FRAMEWORK_MEGABYTES + "m");
    conf.put("taskmanager.memory.network.min", NETWORK_MEGABYTES + "m");
    conf.put("taskmanager.memory.network.max", NETWORK_MEGABYTES + "m");
    conf.put("taskmanager.memory.managed.size", settings.managedMegabytes() + "m");

    conf.put("cluster.evenly-spread-out-slots", true);
    conf.put("web.refresh-interval", 500); // milliseconds that its answers about jobs may be old
    // Milliseconds: a killed process is noticed soon, and a busy one is not taken for dead.
    conf.put("heartbeat.interval", 2000);
    conf.put("heartbeat.timeout", 15000);
    // All processes start at once; a TaskManager that finds no JobManager retries soon.
    conf.put("cluster.registration.error-delay", 500);
    // Beam's --numberOfExecutionRetries has no effect on batch jobs.
    conf.put("restart-strategy.type", "fixed-delay");
    conf.put("restart-strategy.fixed-delay.attempts", 3);
    conf.put("restart-strategy.fixed-delay.delay", "3 s");

    conf.put("classloader.parent-first-patterns.additional", String.join(";", PARENT_FIRST));
    if (settings.keepClasses()) {
      conf.put("classloader.resolve-order", "parent-first");
    }
    // Threads of libraries may outlive a job for a moment; that is not an error.
    conf.put("classloader.check-leaked-classloader", false);
    return conf;
  }

  private void start(ClusterProcess process) throws IOException {
    boolean jobs = process.equals(jobManager);
    List<String> jvm =
        ManagementFactory.getRuntimeMXBean().getInputArguments().stream()
            .filter(INHERITED.asMatchPredicate())
            .collect(Collectors.toCollection(ArrayList::new));
    if (jobs) {
      jvm.add("-Xmx" + JOB_MANAGER_HEAP_MEGABYTES + "m");
    } else {
      int direct = FRAMEWORK_MEGABYTES + TASK_OFF_HEAP_MEGABYTES + NETWORK_MEGABYTES;
      jvm.add("-Xmx" + settings.heapMegabytes() + "m");
      jvm.add("-XX:MaxDirectMemorySize=" + direct + "m");
      jvm.add("-XX:ActiveProcessorCount=" + settings.processors());
    }
    jvm.addAll(
        List.of(
            "-Djava.awt.headless=true",
            "-Dai.djl.offline=true",
            "-DOPT_OUT_TRACKING=true",
            "-Dbeit2.home=" + Home.folder().toAbsolutePath().normalize(),
            "-Dorg.slf4j.simpleLogger.showDateTime=true",
            "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd HH:mm:ss,SSS",
            "-Dorg.slf4j.simpleLogger.showThreadName=false",
            "-Dorg.slf4j.simpleLogger.showShortLogName=true"));
    List<String> command = new ArrayList<>();
    command.add(
        jobs
            ? "org.apache.flink.runtime.entrypoint.StandaloneSessionClusterEntrypoint"
            : "org.apache.flink.runtime.taskexecutor.TaskManagerRunner");
    command.addAll(List.of("--configDir", directory.resolve("conf").toString()));
    String temporary = process.temporary().toString();
    for (String key :
        List.of("io.tmp.dirs", "blob.storage.directory", "web.tmpdir", "web.upload.dir")) {
      command.add("-D" + key + "=" + temporary);
    }
    if (!jobs) {
      command.add("-Dtaskmanager.resource-id=" + process.name());
    }
    process.start(jvm, classPath(), command);
  }

  private String classPath() throws IOException {
    return settings.keepClasses()
        ? Home.flinkClassPath() + File.pathSeparator + Home.jobJar()
        : Home.flinkClassPath();
  }

  /** Waits until the JobManager has heard from these TaskManagers since a point in time. */
  private void awaitRegistered(List<ClusterProcess> taskManagers, Instant since)
      throws IOException, InterruptedException, ClusterException {
    List<ClusterProcess> awaited = new ArrayList<>(taskManagers);
    Instant deadline = since.plus(STARTING);
    while (!awaited.isEmpty()) {
      awaited.removeIf(registered(since)::contains);
      for (ClusterProcess process : awaited) {
        requireAlive(jobManager);
        requireAlive(process);
        if (Instant.now().isAfter(deadline)) {
          throw new ClusterException(
              "%s did not register within %d seconds; the end of %s:%n%s"
                  .formatted(
                      process.name(), STARTING.toSeconds(), process.log(), process.endOfLog()));
        }
      }
      Thread.sleep(100);
    }
  }

  private List<ClusterProcess> registered(Instant since) throws InterruptedException {
    try {
      return jobs().taskManagers().stream()
          .filter(taskManager -> !taskManager.lastHeartbeat().isBefore(since))
          .map(taskManager -> new ClusterProcess(directory, taskManager.id()))
          .toList();
    } catch (IOException e) {
      // The JobManager is starting; requireAlive notices if it has died.
      return List.of();
    }
  }

  private static void requireAlive(ClusterProcess process) throws IOException, ClusterException {
    if (!process.alive()) {
      throw new ClusterException(
          "%s has ended; the end of %s:%n%s"
              .formatted(process.name(), process.log(), process.endOfLog()));
    }
  }
}
