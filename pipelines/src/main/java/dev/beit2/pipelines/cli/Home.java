package dev.beit2.pipelines.cli;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.stream.Collectors;

/**
 * The folder that {@code ./beit2} passes as the system property {@code beit2.home}: a checkout that
 * is built, or an unpacked release.
 */
public final class Home {
  private Home() {}

  public static Path folder() {
    return Path.of(System.getProperty("beit2.home", "."));
  }

  private static boolean isRelease() {
    return Files.exists(folder().resolve("lib/classpath"));
  }

  /** The jar that a job brings to a Flink cluster. */
  public static Path jobJar() {
    return folder().resolve(isRelease() ? "beit2-job.jar" : "pipelines/target/beit2-job.jar");
  }

  /** The class path of a Flink process, without the jobs' jar. */
  public static String flinkClassPath() throws IOException {
    if (!isRelease()) {
      return Files.readString(folder().resolve("pipelines/target/flink-lib-classpath")).strip();
    }
    String names = Files.readString(folder().resolve("lib/flink-classpath")).strip();
    return Arrays.stream(names.split(":"))
        .map(name -> folder().resolve(name).toAbsolutePath().normalize().toString())
        .collect(Collectors.joining(":"));
  }

  /** The folder of Flink's settings for our jobs. */
  static Path flinkConfiguration() {
    return folder().resolve(isRelease() ? "flink-conf" : "pipelines/flink-conf");
  }

  /** The sample photographs. */
  public static Path samples() {
    return folder().resolve(isRelease() ? "samples" : "pipelines/samples");
  }
}
