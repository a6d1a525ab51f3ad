package dev.beit2.pipelines.cli;

import org.apache.beam.sdk.Pipeline;
import org.apache.beam.sdk.options.PipelineOptions;

/**
 * A launch of a Dataflow template, {@code --templateLocation}: this process only makes a job and
 * leaves it there. Google's service starts the job when the process has ended. So a command neither
 * waits for it, nor reads what it writes, nor holds its folder.
 */
public final class TemplateLaunch {
  /** Names the file that the job becomes. Google's launcher sets it. */
  static final String OPTION = "templateLocation";

  /** The option as Dataflow's runner declares it, which only the templates have. */
  public interface Options extends PipelineOptions {
    String getTemplateLocation();

    void setTemplateLocation(String templateLocation);
  }

  private TemplateLaunch() {}

  /** Whether the options are those of a launch. */
  public static boolean isIn(PipelineOptions options) {
    return options.as(Options.class).getTemplateLocation() != null;
  }

  /** Makes the job. */
  public static void make(Pipeline pipeline, String stage) {
    pipeline.run();
    System.err.printf(
        "[%s] the job is in %s%n",
        stage, pipeline.getOptions().as(Options.class).getTemplateLocation());
  }

  /**
   * Fails if the options are those of a launch, because there is nothing to do. Without a job,
   * Google's launcher would report an error that does not say why.
   *
   * @param output as given
   * @param found what is there already
   */
  public static void requireWork(PipelineOptions options, String output, String found) {
    if (isIn(options)) {
      throw new InvalidOptionException(
          "--output=" + output, found, "a folder in which a job has something left to do");
    }
  }
}
