package dev.beit2.pipelines.cli;

import org.apache.beam.sdk.options.PipelineOptions;

/**
 * A command of {@code ./beit2}.
 *
 * @param name as typed, such as {@code tokenize}
 * @param description what it does, in a sentence or two
 * @param options its options; annotated with {@code @Description}, {@code @Default}, {@link Range},
 *     {@link OneOf}, {@link ByPreset}
 * @param localParallelism Flink's default parallelism when it runs inside this JVM
 * @param body the command itself
 */
public record Command<OptionsT extends PipelineOptions>(
    String name,
    String description,
    Class<OptionsT> options,
    int localParallelism,
    Body<OptionsT> body) {

  /** What a command does; a failure is an exception. */
  public interface Body<OptionsT> {
    /**
     * Does it.
     *
     * @return the process's exit code
     */
    int run(OptionsT options) throws Exception;
  }

  /** Processors of this machine. */
  public static int cores() {
    return Runtime.getRuntime().availableProcessors();
  }
}
