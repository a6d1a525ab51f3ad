package dev.beit2.pipelines.cluster;

import static java.util.Objects.requireNonNull;

import dev.beit2.io.Json;
import dev.beit2.pipelines.cli.Home;
import dev.beit2.pipelines.flink.FlinkJobs;
import java.io.IOException;
import java.lang.management.ManagementFactory;
import java.net.InetAddress;
import java.net.ServerSocket;
import java.nio.file.Files;
import java.nio.file.Path;
import java.time.Duration;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import java.util.stream.Stream;

/**
 * A Flink cluster on this machine: a JobManager and TaskManagers, each a JVM of its own on the
 * loopback device, made of the jars that Maven put together. All that is known of it lies in one
 * folder:
 *
 * <pre>
 * DIR/rest.url                              http://127.0.0.1:PORT
 * DIR/jobmanager.pid, DIR/taskmanager-N.pid and .log, N from 1
 * DIR/cluster.json                          its size
 * DIR/conf/                                 Flink's configuration
 * DIR/tmp/                                  what the processes keep while they live
 * </pre>
 */
public final class LocalCluster {
  /**
   * Packages of what loads a native library, which a JVM does once. Their jars lie in Flink's class
   * path; even where a job brings them along, they have to come from there, or the second job on a
   * TaskManager finds the library taken.
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

  // Flink's own share of a TaskManager's heap, and of what lies outside it.
  private static final int FRAMEWORK_MEGABYTES = 128;
  private static final int TASK_OFF_HEAP_MEGABYTES = 512;
  // 64 channels a megabyte's worth of buffers: enough for the shuffles of ten rounds in one job.
  private static final int NETWORK_MEGABYTES = 256;
  // Each job has threads of its own, and glibc keeps what each of them freed: gigabytes after some
  // dozens of jobs. Not every Java 17 can give it back.
  private static final List<String> RETURN_FREED_TENSORS =
      List.of("-XX:+IgnoreUnrecognizedVMOptions", "-XX:TrimNativeHeapInterval=20000");
  private static final int JOB_MANAGER_HEAP_MEGABYTES = 768;

  private final Path directory;
  private final Settings settings;
  private final ClusterProcess jobManager;

  /**
   * @param taskManagers how many there should be
   * @param slots of a TaskManager
   * @param heapMegabytes of a TaskManager
   * @param managedMegabytes of a TaskManager: where Flink sorts, outside the heap
   * @param processors of a TaskManager
   * @param rpcPort where TaskManagers find the JobManager
   * @param restPort where everybody else does
   */
  record Settings(
      int taskManagers,
      int slots,
      int heapMegabytes,
      int managedMegabytes,
      int processors,
      int rpcPort,
      int restPort) {
    Settings withTaskManagers(int number) {
      return new Settings(
          number, slots, heapMegabytes, managedMegabytes, processors, rpcPort, restPort);
    }

    static Settings of(Map<String, Object> json) {
      return new Settings(
          (int) json.get("taskManagers"),
          (int) json.get("slots"),
          (int) json.get("heapMegabytes"),
          (int) json.get("managedMegabytes"),
          (int) json.get("processors"),
          (int) json.get("rpcPort"),
          (int) json.get("restPort"));
    }
  }

  /** A cluster cannot do what it was asked to; the message says why, over several lines. */
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

  /** The cluster that was set up in a folder, alive or not. */
  static Optional<LocalCluster> in(Path directory) throws IOException {
    Path file = directory.resolve(SETTINGS);
    if (!Files.exists(file)) {
      return Optional.empty();
    }
    return Optional.of(
        new LocalCluster(directory.toRealPath(), Settings.of(Json.object(Files.readString(file)))));
  }

  /** Sets up a cluster, of which nothing runs yet; one that was here has to have ended. */
  static LocalCluster create(Path directory, Settings settings) throws IOException {
    Files.createDirectories(directory);
    return new LocalCluster(directory.toRealPath(), settings);
  }

  /** A port of the loopback device that nobody has now. */
  static int freePort() throws IOException {
    try (ServerSocket socket = new ServerSocket(0, 1, InetAddress.getByName(HOST))) {
      return socket.getLocalPort();
    }
  }

  Settings settings() {
    return settings;
  }

  /** What {@code --flinkMaster} takes. */
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

  /** All that there should be: the JobManager, then the TaskManagers by number. */
  List<ClusterProcess> processes() {
    return Stream.concat(
            Stream.of(jobManager),
            IntStream.rangeClosed(1, settings.taskManagers()).mapToObj(this::taskManager))
        .toList();
  }

  public List<ClusterProcess> living() throws IOException {
    List<ClusterProcess> living = new ArrayList<>();
    for (ClusterProcess process : processes()) {
      if (process.alive()) {
        living.add(process);
      }
    }
    return living;
  }

  /**
   * Starts what does not run, and returns when all TaskManagers are registered.
   *
   * @return what was started; empty if all was running
   * @throws ClusterException if that does not happen in time
   */
  List<ClusterProcess> start() throws IOException, InterruptedException, ClusterException {
    write();
    Instant begin = now();
    List<ClusterProcess> missing = new ArrayList<>(processes());
    missing.removeAll(living());
    for (ClusterProcess process : missing) {
      start(process);
    }
    awaitRegistered(processes().subList(1, processes().size()), begin);
    return missing;
  }

  /**
   * The same cluster with one more TaskManager, which is registered when this returns.
   *
   * @throws ClusterException if the JobManager is not there, or the new one does not register
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

  /** As Flink tells time. */
  private static Instant now() {
    return Instant.now().truncatedTo(ChronoUnit.MILLIS);
  }

  /** Ends all processes and removes their pid files. */
  void stop() throws IOException, InterruptedException {
    for (ClusterProcess process : processes()) {
      process.terminate();
    }
    for (ClusterProcess process : processes()) {
      process.bury();
    }
    Files.deleteIfExists(directory.resolve(REST));
    deleteTree(directory.resolve("tmp"));
  }

  private static void deleteTree(Path root) throws IOException {
    if (!Files.exists(root)) {
      return;
    }
    try (Stream<Path> walk = Files.walk(root)) {
      for (Path path : walk.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(path);
      }
    }
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

  private Map<String, Object> configuration() {
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
    // All other ports are whatever is free. These stay, so that TaskManagers find a JobManager that
    // was started again.
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
    // Wanted by Flink to be told a sum; the JVM has no such limits.
    conf.put("taskmanager.memory.jvm-metaspace.size", "256m");
    conf.put("taskmanager.memory.jvm-overhead.min", FRAMEWORK_MEGABYTES + "m");
    conf.put("taskmanager.memory.jvm-overhead.max", FRAMEWORK_MEGABYTES + "m");
    conf.put("taskmanager.memory.network.min", NETWORK_MEGABYTES + "m");
    conf.put("taskmanager.memory.network.max", NETWORK_MEGABYTES + "m");
    conf.put("taskmanager.memory.managed.size", settings.managedMegabytes() + "m");

    conf.put("cluster.evenly-spread-out-slots", true);
    conf.put("web.refresh-interval", 500); // the age of what it tells of jobs, milliseconds
    // A killed process is noticed in seconds, a busy one is not taken for dead.
    conf.put("heartbeat.interval", 2000);
    conf.put("heartbeat.timeout", 15000);
    // They start together; a TaskManager that finds no JobManager yet asks again soon.
    conf.put("cluster.registration.error-delay", 500);
    // Beam's --numberOfExecutionRetries does nothing in batch.
    conf.put("restart-strategy.type", "fixed-delay");
    conf.put("restart-strategy.fixed-delay.attempts", 3);
    conf.put("restart-strategy.fixed-delay.delay", "3 s");

    conf.put("classloader.parent-first-patterns.additional", String.join(";", PARENT_FIRST));
    // Libraries' threads that outlive a job by a moment are no failure of it.
    conf.put("classloader.check-leaked-classloader", false);
    return conf;
  }

  private void start(ClusterProcess process) throws IOException {
    boolean jobs = process.equals(jobManager);
    List<String> jvm = new ArrayList<>();
    if (jobs) {
      jvm.add("-Xmx" + JOB_MANAGER_HEAP_MEGABYTES + "m");
    } else {
      int direct = FRAMEWORK_MEGABYTES + TASK_OFF_HEAP_MEGABYTES + NETWORK_MEGABYTES;
      jvm.add("-Xmx" + settings.heapMegabytes() + "m");
      jvm.add("-XX:MaxDirectMemorySize=" + direct + "m");
      jvm.add("-XX:ActiveProcessorCount=" + settings.processors());
      jvm.addAll(RETURN_FREED_TENSORS);
    }
    // Reflection of Beam and Flink: what this JVM was given.
    ManagementFactory.getRuntimeMXBean().getInputArguments().stream()
        .filter(argument -> argument.startsWith("--add-opens"))
        .forEach(jvm::add);
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
    process.start(jvm, flinkClassPath(), command);
  }

  /** Flink with all that is not in the jobs' jar, as the build wrote it down. */
  private static String flinkClassPath() throws IOException {
    return Files.readString(Home.flinkClassPath()).strip();
  }

  /** Waits until these TaskManagers have registered, or registered anew, after a moment. */
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
              "%s did not register within %d seconds; what %s ends with:%n%s"
                  .formatted(
                      process.name(), STARTING.toSeconds(), process.log(), process.lastWords()));
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
      // It is starting; whether it lives is asked elsewhere.
      return List.of();
    }
  }

  private static void requireAlive(ClusterProcess process) throws IOException, ClusterException {
    if (!process.alive()) {
      throw new ClusterException(
          "%s has ended; what %s ends with:%n%s"
              .formatted(process.name(), process.log(), process.lastWords()));
    }
  }
}
