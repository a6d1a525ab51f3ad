package dev.beit2.pipelines.flink;

import static java.util.Objects.requireNonNull;

import dev.beit2.io.store.StoredFile;
import java.nio.file.Path;
import org.apache.beam.runners.flink.FlinkPipelineOptions;
import org.apache.beam.runners.flink.FlinkRunner;
import org.apache.beam.sdk.options.PipelineOptions;

/**
 * Where a pipeline runs.
 *
 * @param flink whether Flink runs it
 * @param master {@code [local]} for Flink inside this JVM, {@code HOST:PORT} for a cluster; empty
 *     without Flink
 * @param parallelism tasks of an operator; -1 if Flink decides
 */
public record FlinkTarget(boolean flink, String master, int parallelism) {
  /** The master of a Flink that runs inside this JVM. */
  public static final String EMBEDDED = "[local]";

  public FlinkTarget {
    requireNonNull(master, "master is null");
  }

  /** What the options of a pipeline say. */
  public static FlinkTarget of(PipelineOptions options) {
    if (options.getRunner() != FlinkRunner.class) {
      return new FlinkTarget(false, "", -1);
    }
    FlinkPipelineOptions flink = options.as(FlinkPipelineOptions.class);
    String master = flink.getFlinkMaster();
    if (master.equals(Submission.CHOSEN)) {
      master = Submission.current().map(Submission::master).orElse(master);
    }
    return new FlinkTarget(true, master, flink.getParallelism());
  }

  /** Whether the pipeline goes to a Flink cluster, which other processes make up. */
  public boolean isRemote() {
    return flink && !master.startsWith("[");
  }

  /** Whether Flink runs inside this JVM. */
  public boolean isEmbedded() {
    return flink && master.equals(EMBEDDED);
  }

  /**
   * The path under which the processes of this target find a local file. Those of a cluster have
   * other working folders than the launcher, so there it is the path from the disk's root.
   */
  public String path(String path) {
    return isRemote() ? new StoredFile(path).localPath().map(Path::toString).orElse(path) : path;
  }

  /** Threads of each tensor operation, so that the tasks of a JVM share its processors. */
  public int threadsPerTask() {
    int tasks = flink ? parallelism : processors();
    return Math.max(1, processors() / Math.max(1, tasks));
  }

  /** Processors of this machine. */
  public static int processors() {
    return Runtime.getRuntime().availableProcessors();
  }
}
