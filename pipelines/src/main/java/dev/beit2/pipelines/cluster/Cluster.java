package dev.beit2.pipelines.cluster;

import dev.beit2.pipelines.cli.Command;
import dev.beit2.pipelines.cli.CommandLine;
import dev.beit2.pipelines.cli.InvalidOptionException;
import dev.beit2.pipelines.cli.Positional;
import dev.beit2.pipelines.cli.Range;
import dev.beit2.pipelines.cluster.LocalCluster.ClusterException;
import dev.beit2.pipelines.cluster.LocalCluster.Settings;
import dev.beit2.pipelines.flink.FlinkJobs;
import dev.beit2.pipelines.flink.FlinkTarget;
import java.io.IOException;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import javax.annotation.Nullable;
import org.apache.beam.sdk.options.Description;
import org.apache.beam.sdk.options.PipelineOptions;
import org.apache.beam.sdk.options.Validation;

/** Starts, extends, inspects and stops a Flink cluster on this machine. */
public final class Cluster {
  public static final Command<Options> COMMAND =
      Command.of(
          "cluster",
          "a Flink cluster on this machine, to run the other commands on",
          "Starts and stops a Flink cluster on this machine, to run the other commands on with --flinkMaster: a JobManager and "
              + "TaskManagers, each in its own process on the loopback device. It keeps running when this command ends, until "
              + "./beit2 cluster stop.",
          Options.class,
          Cluster::run);

  private static final int HEAP_MEGABYTES = 1024;
  private static final int MANAGED_MEGABYTES = 1024;
  private static final int TASK_MANAGERS = 2;

  private Cluster() {}

  /** What to do with the cluster. */
  public enum Action {
    START,
    ADD_TASKMANAGER,
    STATUS,
    STOP
  }

  /** The options of {@code ./beit2 cluster}. */
  public interface Options extends PipelineOptions {
    @Description(
        "start: starts all processes, or those that have died, and waits until the cluster is complete. "
            + "add-taskmanager: starts one more TaskManager. status: lists the processes; exit code 1 if one of them does "
            + "not run. stop: ends all processes.")
    @Positional
    @Validation.Required
    Action getAction();

    void setAction(Action action);

    @Description(
        "Folder of the cluster: process numbers (.pid), logs, rest.url and temporary files. One folder holds one cluster.")
    @Validation.Required
    String getDir();

    void setDir(String dir);

    @Description("Number of TaskManagers. Left out: 2, or as many as the folder's cluster has.")
    @Range(min = 1, max = 1000)
    Integer getTaskManagers();

    void setTaskManagers(Integer taskManagers);

    @Description(
        "Slots per TaskManager: tasks of an operator that it runs at once. Left out: 1, or as in the folder's cluster.")
    @Range(min = 1, max = 1000)
    Integer getSlots();

    void setSlots(Integer slots);

    @Description(
        "Java heap of a TaskManager; tensors are outside of it. Left out: 1024, or as in the folder's cluster.")
    @Range(min = 256, max = 1000000)
    Integer getHeapMegabytes();

    void setHeapMegabytes(Integer heapMegabytes);

    @Description(
        "Off-heap memory in which a TaskManager sorts and groups, allocated as needed. All groupings of a job share it. "
            + "Left out: 1024, or as in the folder's cluster.")
    @Range(min = 64, max = 1000000)
    Integer getManagedMegabytes();

    void setManagedMegabytes(Integer managedMegabytes);

    @Description(
        "Processors that a TaskManager uses. Left out: those of this machine divided by --taskManagers, or as in the "
            + "folder's cluster.")
    @Range(min = 1, max = 10000)
    Integer getProcessors();

    void setProcessors(Integer processors);

    @Description(
        "Keeps the classes of jobs loaded and compiled from one job to the next, so that jobs start sooner. After each build "
            + "stop the cluster and start it again. Left out: false, or as in the folder's cluster.")
    Boolean getKeepClasses();

    void setKeepClasses(Boolean keepClasses);
  }

  /** {@code ./beit2 cluster}. */
  public static void main(String[] args) {
    CommandLine.main(COMMAND, args);
  }

  private static int run(Options options) throws IOException, InterruptedException {
    if (options.getDir().matches(".*[,:#|].*")) {
      throw new InvalidOptionException(
          "--dir=" + options.getDir(), "a character that separates paths", "none of , : # |");
    }
    Path directory = Path.of(options.getDir()).toAbsolutePath();
    Optional<LocalCluster> found = LocalCluster.in(directory);
    try {
      return switch (options.getAction()) {
        case START -> start(options, directory, found);
        case ADD_TASKMANAGER -> add(existing(options, found));
        case STATUS -> status(existing(options, found));
        case STOP -> stop(existing(options, found));
      };
    } catch (ClusterException e) {
      System.err.println(e.getMessage());
      return CommandLine.FAILED;
    }
  }

  private static LocalCluster existing(Options options, Optional<LocalCluster> found) {
    return found.orElseThrow(
        () ->
            new InvalidOptionException(
                "--dir=" + options.getDir(), "no cluster", "a folder of ./beit2 cluster start"));
  }

  private static int start(Options options, Path directory, Optional<LocalCluster> found)
      throws IOException, InterruptedException, ClusterException {
    Settings settings = settings(options, found.map(LocalCluster::settings).orElse(null));
    boolean running = found.isPresent() && !found.get().running().isEmpty();
    if (running) {
      requireSame(options, found.get().settings(), settings);
    }
    LocalCluster cluster = running ? found.get() : LocalCluster.create(directory, settings);
    List<ClusterProcess> started = cluster.start();
    System.out.printf(
        "%s; a JobManager and %d TaskManagers run: http://%s%n",
        started.isEmpty()
            ? "nothing to start"
            : "started " + String.join(", ", started.stream().map(ClusterProcess::name).toList()),
        cluster.settings().taskManagers(),
        cluster.master());
    System.out.printf(
        "./beit2 pretrain … --flinkMaster=%s%n./beit2 cluster stop --dir=%s%n",
        cluster.master(), options.getDir());
    return CommandLine.OK;
  }

  /** The given settings; those that are not given are the previous ones of the folder. */
  private static Settings settings(Options options, @Nullable Settings previous)
      throws IOException {
    int taskManagers =
        givenOr(
            options.getTaskManagers(), previous == null ? TASK_MANAGERS : previous.taskManagers());
    return new Settings(
        taskManagers,
        givenOr(options.getSlots(), previous == null ? 1 : previous.slots()),
        givenOr(
            options.getHeapMegabytes(),
            previous == null ? HEAP_MEGABYTES : previous.heapMegabytes()),
        givenOr(
            options.getManagedMegabytes(),
            previous == null ? MANAGED_MEGABYTES : previous.managedMegabytes()),
        givenOr(
            options.getProcessors(),
            previous == null || taskManagers != previous.taskManagers()
                ? Math.max(1, FlinkTarget.processors() / taskManagers)
                : previous.processors()),
        previous == null ? LocalCluster.freePort() : previous.rpcPort(),
        previous == null ? LocalCluster.freePort() : previous.restPort(),
        givenOr(options.getKeepClasses(), previous != null && previous.keepClasses()));
  }

  private static <T> T givenOr(@Nullable T given, T fallback) {
    return given == null ? fallback : given;
  }

  private static void requireSame(Options options, Settings found, Settings wanted) {
    if (!found.equals(wanted)) {
      throw new InvalidOptionException(
          "--dir=" + options.getDir(),
          "a running cluster with other options, " + found,
          "the same options, or none, or ./beit2 cluster stop first");
    }
  }

  private static int add(LocalCluster cluster)
      throws IOException, InterruptedException, ClusterException {
    System.out.println(cluster.withOneMore().settings().taskManagers());
    return CommandLine.OK;
  }

  private static int status(LocalCluster cluster) throws IOException, InterruptedException {
    boolean complete = true;
    for (ClusterProcess process : cluster.processes()) {
      boolean alive = process.alive();
      complete &= alive;
      System.out.printf(
          "%-16s %s%n",
          process.name(),
          alive
              ? "runs, process " + process.handle().get().pid()
              : "is down, see " + process.log());
    }
    try {
      FlinkJobs.Overview overview = cluster.jobs().overview();
      System.out.printf("%d of %d slots free%n", overview.freeSlots(), overview.slots());
      for (FlinkJobs.Job job : cluster.jobs().jobs()) {
        if (!job.ended()) {
          System.out.printf("job %s: %s%n", job.name(), job.state());
        }
      }
      complete &= overview.taskManagers() >= cluster.settings().taskManagers();
    } catch (IOException e) {
      System.out.println("http://" + cluster.master() + " does not answer: " + e.getMessage());
      complete = false;
    }
    return complete ? CommandLine.OK : CommandLine.FAILED;
  }

  private static int stop(LocalCluster cluster) throws IOException, InterruptedException {
    List<ClusterProcess> running = cluster.running();
    cluster.stop();
    System.out.println(
        running.isEmpty()
            ? "nothing was running"
            : "stopped " + String.join(", ", running.stream().map(ClusterProcess::name).toList()));
    return CommandLine.OK;
  }
}
