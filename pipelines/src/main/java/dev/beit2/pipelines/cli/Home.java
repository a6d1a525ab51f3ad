package dev.beit2.pipelines.cli;

import java.nio.file.Path;

/** The project's folder, which {@code ./beit2} passes as the system property {@code beit2.home}. */
public final class Home {
  private Home() {}

  public static Path folder() {
    return Path.of(System.getProperty("beit2.home", "."));
  }

  /** The jar that a job brings to a Flink cluster. */
  public static Path jobJar() {
    return folder().resolve("pipelines/target/beit2-job.jar");
  }

  /** A file with the class path of a Flink process, without the jobs' jar. */
  public static Path flinkClassPath() {
    return folder().resolve("pipelines/target/flink-lib-classpath");
  }

  /** The folder of Flink's settings for our jobs. */
  static Path flinkConfiguration() {
    return folder().resolve("pipelines/flink-conf");
  }

  /** The sample photographs. */
  public static Path samples() {
    return folder().resolve("pipelines/samples");
  }
}
