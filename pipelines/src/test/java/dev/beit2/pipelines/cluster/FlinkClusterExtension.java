package dev.beit2.pipelines.cluster;

import dev.beit2.pipelines.cluster.LocalCluster.Settings;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.stream.Stream;
import org.junit.jupiter.api.extension.AfterAllCallback;
import org.junit.jupiter.api.extension.BeforeAllCallback;
import org.junit.jupiter.api.extension.ExtensionContext;

/**
 * A Flink cluster of real processes for the tests of a class, which may kill some of them:
 *
 * <pre>
 * &#64;RegisterExtension
 * static final FlinkClusterExtension CLUSTER = new FlinkClusterExtension(2);
 * </pre>
 *
 * It runs the jobs' jar, so such a class is named {@code …IT} and runs after {@code package}.
 */
public final class FlinkClusterExtension implements BeforeAllCallback, AfterAllCallback {
  private final int taskManagers;
  private final boolean keepClasses;
  private LocalCluster cluster;
  private Path directory;
  private Thread atExit;

  /**
   * @param taskManagers of one slot and one processor each
   */
  public FlinkClusterExtension(int taskManagers) {
    this(taskManagers, false);
  }

  private FlinkClusterExtension(int taskManagers, boolean keepClasses) {
    this.taskManagers = taskManagers;
    this.keepClasses = keepClasses;
  }

  /** The same with {@code --keepClasses}: jobs after the first start sooner. */
  public FlinkClusterExtension keepingClasses() {
    return new FlinkClusterExtension(taskManagers, true);
  }

  @Override
  public void beforeAll(ExtensionContext context) throws Exception {
    directory = Files.createTempDirectory("beit2-cluster-");
    Settings settings =
        new Settings(
            taskManagers,
            1,
            512,
            512,
            1,
            LocalCluster.freePort(),
            LocalCluster.freePort(),
            keepClasses);
    cluster = LocalCluster.create(directory, settings);
    // Where the test's own JVM is ended from outside.
    atExit = new Thread(this::killAll);
    Runtime.getRuntime().addShutdownHook(atExit);
    start();
  }

  @Override
  public void afterAll(ExtensionContext context) throws Exception {
    killAll();
    Runtime.getRuntime().removeShutdownHook(atExit);
    try (Stream<Path> walk = Files.walk(directory)) {
      for (Path path : walk.sorted(Comparator.reverseOrder()).toList()) {
        Files.delete(path);
      }
    }
  }

  private void killAll() {
    try {
      for (ClusterProcess process : cluster.processes()) {
        process.kill();
      }
    } catch (Exception e) {
      throw new IllegalStateException("processes may be left, see " + directory, e);
    }
  }

  /** The option that sends a job here. */
  public String master() {
    return "--flinkMaster=" + cluster.master();
  }

  public LocalCluster cluster() {
    return cluster;
  }

  /** Starts what was killed, as {@code ./beit2 cluster start} does. */
  public void start() throws Exception {
    cluster.start();
  }

  /**
   * Ends a TaskManager by SIGKILL.
   *
   * @param number from 1
   */
  public void kill(int number) throws Exception {
    cluster.taskManager(number).kill();
  }

  /** Ends the JobManager by SIGKILL; its jobs are lost. */
  public void killJobManager() throws Exception {
    cluster.jobManager().kill();
  }

  /**
   * Pauses all TaskManagers (SIGSTOP). After 15 seconds Flink takes a paused TaskManager for dead.
   */
  public void pauseTaskManagers() throws Exception {
    signalTaskManagers("STOP");
  }

  /** Lets paused TaskManagers go on (SIGCONT). */
  public void resumeTaskManagers() throws Exception {
    signalTaskManagers("CONT");
  }

  private void signalTaskManagers(String signal) throws Exception {
    List<String> command =
        new ArrayList<>(List.of("/bin/sh", "-c", "kill -s \"$@\"", "sh", signal));
    for (ClusterProcess process : cluster.running()) {
      if (!process.equals(cluster.jobManager())) {
        process.handle().ifPresent(handle -> command.add(Long.toString(handle.pid())));
      }
    }
    int code = new ProcessBuilder(command).inheritIO().start().waitFor();
    if (code != 0) {
      throw new IllegalStateException("kill ended with " + code + ": " + command);
    }
  }

  /** Joins one more TaskManager, as {@code ./beit2 cluster add-taskmanager} does. */
  public void add() throws Exception {
    cluster = cluster.withOneMore();
  }
}
