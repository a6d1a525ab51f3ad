package dev.beit2.pipelines.cli;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertTrue;
import static org.junit.jupiter.api.Assertions.fail;
import static org.junit.jupiter.params.provider.Arguments.arguments;

import dev.beit2.io.InvalidInputException;
import dev.beit2.io.image.DecodingLimits;
import dev.beit2.model.torch.Precision;
import dev.beit2.pipelines.Beit2;
import dev.beit2.pipelines.cluster.Cluster;
import dev.beit2.pipelines.eval.Evaluate;
import dev.beit2.pipelines.mim.PretrainMim;
import dev.beit2.pipelines.options.DecodingOptions;
import dev.beit2.pipelines.tokenize.TokenizeDataset;
import dev.beit2.pipelines.vqkd.TrainTokenizer;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.net.ConnectException;
import java.net.UnknownHostException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.annotation.Nullable;
import org.apache.beam.runners.flink.FlinkPipelineOptions;
import org.apache.beam.runners.flink.FlinkRunner;
import org.apache.beam.sdk.extensions.gcp.options.GcsOptions;
import org.apache.beam.sdk.options.Default;
import org.apache.beam.sdk.options.Description;
import org.apache.beam.sdk.options.PipelineOptions;
import org.apache.beam.sdk.options.Validation;
import org.apache.beam.sdk.util.UserCodeException;
import org.apache.flink.runtime.rest.util.RestClientException;
import org.apache.flink.shaded.netty4.io.netty.handler.codec.http.HttpResponseStatus;
import org.apache.flink.util.SerializedThrowable;
import org.apache.flink.util.concurrent.FutureUtils;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.FieldSource;

final class CommandLineTest {
  static final List<Command<?>> COMMANDS = Beit2.COMMANDS;

  /** Options of each kind. */
  public interface Options extends PipelineOptions {
    @Description("What to read.")
    @Validation.Required
    String getInput();

    void setInput(String input);

    @Description("Which recipe.")
    @Default.String("base")
    String getPreset();

    void setPreset(String preset);

    @Description("How many.")
    @Default.Integer(7)
    @Range(min = 1, max = 9)
    int getCount();

    void setCount(int count);

    @Description("How long.")
    @InsteadOf("epochs")
    Long getSteps();

    void setSteps(Long steps);

    @Description("How long, otherwise.")
    @InsteadOf("steps")
    Double getEpochs();

    void setEpochs(Double epochs);

    @Description("Whether.")
    @Default.Boolean(false)
    boolean getJson();

    void setJson(boolean json);

    @Description("How exact.")
    @Default.Enum("FP32")
    Precision getPrecision();

    void setPrecision(Precision precision);

    @Description("How fast.")
    Double getRate();

    void setRate(Double rate);

    @Description("How wide.")
    Long getWidth();

    void setWidth(Long width);
  }

  /** Defaults of {@link Options} by preset; the type of width is narrower than the option's. */
  public record Recipe(@Nullable Long steps, @Nullable Double epochs, double rate, int width) {}

  private static final Map<String, Recipe> RECIPES =
      new TreeMap<>(
          Map.of("base", new Recipe(null, 1.5, 6.25e-6, 7), "tiny", new Recipe(5L, null, 0.02, 7)));

  /** One option without a name. */
  public interface ActionOptions extends PipelineOptions {
    @Description("What to do.")
    @Positional
    @OneOf({"start", "stop"})
    @Validation.Required
    String getWhatToDo();

    void setWhatToDo(String whatToDo);

    @Description("How often.")
    @Default.Integer(1)
    int getTimes();

    void setTimes(int times);
  }

  private static final Command<ActionOptions> ACTION =
      Command.of("act", "acts", "Acts.", ActionOptions.class, options -> 0);

  /** A failure, what is told of it, and of its remedy. */
  static final List<org.junit.jupiter.params.provider.Arguments> TROUBLES =
      List.of(
          arguments(
              new IOException(
                  "cannot write o/a (No space left on device)",
                  new IOException("No space left on device")),
              "cannot write o/a (No space left on device); ",
              "another folder"),
          arguments(
              new IOException("No space left on device"),
              "No space left on device (temporary files: " + System.getProperty("java.io.tmpdir"),
              "TMPDIR=FOLDER"),
          arguments(
              new FileSystemException("/o/a", null, "Read-only file system"),
              "/o/a: Read-only file system",
              "a folder that can be written"),
          arguments(new AccessDeniedException("/o/a"), "/o/a: Permission denied", "can be written"),
          arguments(
              new IOException("cannot write o/a (the file system has changed: o/.a.tmp is gone)"),
              "cannot write o/a (the file system has changed",
              "a file system that works"),
          arguments(
              new UnsatisfiedLinkError(
                  "/h/l.so: /h/l.so: failed to map segment from shared object"),
              "/h/l.so: /h/l.so: failed to map segment",
              "BEIT2_CACHE=FOLDER"),
          arguments(
              new NoClassDefFoundError(
                  "Could not initialize class T: Exception ai.djl.engine.EngineException: Failed to load"
                      + " PyTorch native library"),
              "Could not initialize class T",
              "BEIT2_CACHE=FOLDER"),
          arguments(new OutOfMemoryError("Java heap space"), "", "(Java heap space); wanted more"),
          arguments(
              lookedUp("getLocalHost", "box: box: Name or service not known"),
              "box, which has no address",
              "the line \"127.0.0.1 box\" in /etc/hosts"));

  private static UnknownHostException lookedUp(String method, String message) {
    UnknownHostException failure = new UnknownHostException(message);
    failure.setStackTrace(
        new StackTraceElement[] {new StackTraceElement("java.net.InetAddress", method, null, 1)});
    return failure;
  }

  private final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private final ByteArrayOutputStream err = new ByteArrayOutputStream();

  private static Command<Options> command(Command.Body<Options> body) {
    return Command.of("try", "tries", "Tries.", Options.class, body)
        .withLocalParallelism(3)
        .withPresets(RECIPES)
        .refusing(Map.of("streaming", "it ends"));
  }

  private int run(Command<?> command, String... args) {
    return CommandLine.run(
        command, args, new PrintStream(out, true, UTF_8), new PrintStream(err, true, UTF_8));
  }

  private static Options parse(String... args) {
    return CommandLine.parse(command(options -> 0), args);
  }

  @Test
  void valuesAreParsedAndDefaultsFilledIn() {
    Options options = parse("--input=a b", "--count=9", "--json");
    assertEquals("a b", options.getInput());
    assertEquals(9, options.getCount());
    assertTrue(options.getJson());
    assertEquals("base", options.getPreset());
    assertNull(options.getSteps());
    assertEquals(1.5, options.getEpochs());
    assertEquals(7, parse("--input=x").getCount());
  }

  @Test
  void defaultsFollowThePresetUnlessTheOtherUnitIsGiven() {
    assertEquals(5, parse("--input=x", "--preset=tiny").getSteps());
    assertNull(parse("--input=x", "--preset=tiny", "--epochs=2").getSteps());
    assertNull(parse("--input=x", "--steps=2").getEpochs());
  }

  @Test
  void defaultsByPresetAreReadFromItsRecipe() {
    Options options = parse("--input=x");
    assertEquals(6.25e-6, options.getRate());
    assertEquals(7, options.getWidth());
    assertEquals(0.5, parse("--input=x", "--rate=0.5").getRate());
    String help = Help.of(command(o -> 0));
    assertTrue(help.contains("  --rate=  a number; default: base 6.25e-6, tiny 0.02\n"), help);
    assertTrue(help.contains("  --width=  a whole number; default: 7\n"), help);
    assertTrue(help.contains("  --epochs=  a number; default: base 1.5\n"), help);
  }

  @Test
  void enumsAreTypedInLowerCase() {
    assertEquals(Precision.FP32, parse("--input=x").getPrecision());
    Options options = parse("--input=x", "--precision=bf16");
    assertEquals(Precision.BF16, options.getPrecision());
    assertEquals("bf16", Option.text(options.getPrecision()));
    String help = Help.of(command(o -> 0));
    assertTrue(help.contains("  --precision=  one of fp32, bf16; default: fp32\n"), help);
  }

  @Test
  void enumsOfSeveralWordsAreTypedWithDashes() {
    String[] args = {"add-taskmanager", "--dir=x"};
    Cluster.Options options = CommandLine.parse(Cluster.COMMAND, args);
    assertEquals(Cluster.Action.ADD_TASKMANAGER, options.getAction());
    assertEquals("add-taskmanager", Option.text(options.getAction()));
    assertEquals(2, run(Cluster.COMMAND, "add_taskmanager", "--dir=x"));
    String said = err.toString(UTF_8);
    assertTrue(said.contains("wanted one of start, add-taskmanager, status, stop"), said);
  }

  @Test
  void embeddedFlinkIsTheDefaultRunner() {
    Options local = parse("--input=x");
    assertEquals(FlinkRunner.class, local.getRunner());
    assertEquals("[local]", local.as(FlinkPipelineOptions.class).getFlinkMaster());
    assertEquals(3, local.as(FlinkPipelineOptions.class).getParallelism());
    Options cluster = parse("--input=x", "--flinkMaster=host:8081", "--tempLocation=/tmp/t");
    assertEquals("host:8081", cluster.as(FlinkPipelineOptions.class).getFlinkMaster());
    assertEquals(-1, cluster.as(FlinkPipelineOptions.class).getParallelism());
    assertEquals("/tmp/t", cluster.getTempLocation());
    assertEquals(
        "DirectRunner", parse("--input=x", "--runner=DirectRunner").getRunner().getSimpleName());
  }

  @ParameterizedTest
  @CsvSource({
    "http://127.0.0.1:4443, http://127.0.0.1:4443/storage/v1/, NoopCredentialFactory",
    "http://127.0.0.1:4443/, http://127.0.0.1:4443/storage/v1/, NoopCredentialFactory",
    "http://host/storage/v1/, http://host/storage/v1/, NoopCredentialFactory",
    "https://storage.example.org, https://storage.example.org/storage/v1/, GcpCredentialFactory",
  })
  void anEndpointIsCompletedAndGetsNoCredentialsUnencrypted(
      String given, String endpoint, String credentials) {
    GcsOptions options = parse("--input=x", "--gcsEndpoint=" + given).as(GcsOptions.class);
    assertEquals(endpoint, options.getGcsEndpoint());
    assertEquals(credentials, options.getCredentialFactoryClass().getSimpleName());
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "--count=1|--input: found nothing; wanted it: What to read.",
        "--input=|--input=: found nothing; wanted text",
        "--input=x --count=10|--count=10: found 10; wanted a whole number from 1 to 9",
        "--input=x --count=1.5|--count=1.5: found 1.5; wanted a whole number from 1 to 9",
        "--input=x --count|--count=true: found true; wanted a whole number from 1 to 9",
        "--input=x --epochs=NaN|--epochs=NaN: found NaN; wanted a number",
        "--input=x --preset=huge|--preset=huge: found huge; wanted one of base, tiny",
        "--input=x --precision=fp16|--precision=fp16: found fp16; wanted one of fp32, bf16",
        "--input=x --precision=BF16|--precision=BF16: found BF16; wanted one of fp32, bf16",
        "--input=x --streaming|--streaming=true: found an option that ./beit2 try sets itself; wanted none: it ends",
        "--input=x --json=yes|--json=yes: found yes; wanted true or false",
        "--input=x --counts=1|--counts=1: found no option of this name; wanted one of --input, --count,",
        "--input=x --counts=1|; did you mean --count? (see",
        "--input=x --flinkMastr=y|; did you mean --flinkMaster? (see",
        "--input=x --frobnicate=1|--steps, --width (see",
        "--input=x --input=y|--input: found two values; wanted one",
        "--input=x --steps=1 --epochs=1|found both; wanted one of them",
        "input|'input': found no option; wanted --option=value",
        "--input=x --parallelism=many|--parallelism=many: found a value that Beam does not accept",
        "--input=x --runner=Nonesuch|--runner=Nonesuch: found a value that Beam does not accept",
        "--input=x --gcsEndpoint=localhost:4443|--gcsEndpoint=localhost:4443: found localhost:4443; wanted http://HOST:PORT or https://HOST",
        "--input=gs://B_/x|--input=gs://B_/x: found no name of an object; wanted gs://BUCKET/PATH (GCS bucket names",
        "--help=Nonesuch|--help=Nonesuch: found no options of this name",
      })
  void wrongOptionsAreOneLineAndExitCode2(String args, String message) {
    assertEquals(2, run(command(options -> 0), args.split(" ")));
    String said = err.toString(UTF_8);
    assertTrue(said.contains(message), said);
    assertEquals(1, said.lines().count(), said);
    assertTrue(said.contains("see ./beit2 try --help"), said);
  }

  @Test
  void invalidInputInsideAPipelineIsExitCode2AsWell() {
    Exception wrapped =
        new IllegalStateException(new RuntimeException(new InvalidInputException("x", "y")));
    Command<Options> failing =
        command(
            options -> {
              throw wrapped;
            });
    assertEquals(2, run(failing, "--input=x"));
    assertEquals("found x; wanted y (see ./beit2 try --help)\n", err.toString(UTF_8));
  }

  @Test
  void aPathOfAnUnknownFileSystemIsNamedWithItsOption() {
    Command<Options> never = command(options -> fail("ran"));
    for (String path : List.of("s3://bucket/x", "file://host/x")) {
      err.reset();
      assertEquals(2, run(never, "--input=" + path));
      assertTrue(
          err.toString(UTF_8).startsWith("--input=" + path + ": found no file system for "),
          err.toString(UTF_8));
    }
  }

  @Test
  void anImageThatFlinkCannotGroupIsOneLine() {
    Exception flinks =
        new IOException(
            "The record exceeds the maximum size of a sort buffer (current maximum: 44040192 bytes).");
    Command<Options> failing =
        command(
            options -> {
              throw new RuntimeException(flinks);
            });
    assertEquals(2, run(failing, "--input=x"));
    assertEquals(1, err.toString(UTF_8).lines().count());
    assertTrue(err.toString(UTF_8).contains("larger than the 42 MB"), err.toString(UTF_8));
    assertTrue(err.toString(UTF_8).contains("--maxImageMegabytes=41"), err.toString(UTF_8));
  }

  @Test
  void aPositionalOptionIsGivenWithoutItsName() {
    assertEquals("stop", CommandLine.parse(ACTION, new String[] {"stop"}).getWhatToDo());
    ActionOptions both = CommandLine.parse(ACTION, new String[] {"--times=3", "start"});
    assertEquals("start", both.getWhatToDo());
    assertEquals(3, both.getTimes());
    String help = Help.of(ACTION);
    assertTrue(help.startsWith("./beit2 act WHAT_TO_DO [--option=value …]\n"), help);
    assertTrue(help.contains("  WHAT_TO_DO  one of start, stop; required\n"), help);
  }

  @ParameterizedTest
  @CsvSource(
      delimiter = '|',
      value = {
        "--times=1|WHAT_TO_DO: found nothing; wanted it: What to do.",
        "jump|jump: found jump; wanted one of start, stop",
        "start stop|'stop': found a second WHAT_TO_DO; wanted one",
        "-start|'-start': found no option; wanted --option=value",
        "start --time=1|--time=1: found no option of this name; wanted one of WHAT_TO_DO, --times; did you mean --times?",
      })
  void wrongPositionalOptionsAreOneLine(String args, String message) {
    assertEquals(2, run(ACTION, args.split(" ")));
    assertEquals(message + " (see ./beit2 act --help)\n", err.toString(UTF_8));
  }

  @Test
  void jobsAreNamedAfterTheirCommand() {
    assertTrue(parse("--input=x").getJobName().startsWith("try-"), parse("--input=x").getJobName());
    assertEquals("mine", parse("--input=x", "--jobName=mine").getJobName());
  }

  @Test
  void anUnreachableClusterIsReportedAtOnce() {
    Command<Options> never = command(options -> fail("ran"));
    assertEquals(2, run(never, "--input=x", "--flinkMaster=127.0.0.1:1"));
    String said = err.toString(UTF_8);
    assertTrue(said.startsWith("--flinkMaster=127.0.0.1:1: found nobody there ("), said);
    assertEquals(1, said.lines().count(), said);
  }

  /** A job's failure as a cluster reports it. */
  private Command<Options> failingThere(RuntimeException there) {
    Exception here =
        new IllegalStateException(new SerializedThrowable(UserCodeException.wrap(there)));
    return command(
        options -> {
          throw here;
        });
  }

  @Test
  void invalidInputOnAClusterIsExitCode2AsWell() {
    assertEquals(2, run(failingThere(new InvalidInputException("x", "y")), "--input=x"));
    assertEquals("found x; wanted y (see ./beit2 try --help)\n", err.toString(UTF_8));
  }

  @Test
  void otherFailuresOnAClusterAreWhatOurCodeHasThrown() throws IOException {
    RuntimeException broken = new IllegalStateException("broken", new IOException("pipe"));
    assertEquals(1, run(failingThere(broken), "--input=x"));
    assertTraceOf(
        "try failed: java.lang.IllegalStateException: broken, caused by java.io.IOException: pipe");
  }

  /** What was said is one line, which names a file with the stack trace. */
  private void assertTraceOf(String line) throws IOException {
    String said = err.toString(UTF_8);
    Matcher parts = Pattern.compile("(.*) \\(stack trace: (.*)\\)\n").matcher(said);
    assertTrue(parts.matches(), said);
    assertEquals(line, parts.group(1));
    String trace = Files.readString(Path.of(parts.group(2)));
    Files.delete(Path.of(parts.group(2)));
    assertTrue(trace.contains("\tat dev.beit2.pipelines.cli.CommandLineTest"), trace);
  }

  @ParameterizedTest
  @FieldSource("TROUBLES")
  void whatTheMachineLacksIsOneLineWithARemedy(Throwable failure, String found, String remedy)
      throws IOException {
    for (boolean there : new boolean[] {false, true}) {
      err.reset();
      Command<Options> failing =
          there
              ? failingThere(new RuntimeException(failure))
              : command(
                  options -> {
                    throw new IllegalStateException("job", UserCodeException.wrap(failure));
                  });
      assertEquals(CommandLine.INVALID, run(failing, "--input=x"));
      String said = err.toString(UTF_8);
      assertEquals(1, said.lines().count(), said);
      assertTrue(said.contains("found " + found), said);
      assertTrue(said.contains(remedy), said);
    }
  }

  @Test
  void aLostJobIsOneLineAndExitCode1() {
    Exception unanswered =
        new FutureUtils.RetryException("exhausted", new ConnectException("Connection refused"));
    Exception unknown =
        new RestClientException(
            "[org.apache.flink.runtime.messages.FlinkJobNotFoundException: …\n\tat x",
            HttpResponseStatus.NOT_FOUND);
    for (Exception failure : List.of(unanswered, unknown)) {
      Command<Options> lost =
          command(
              options -> {
                throw new IllegalStateException("Pipeline execution failed", failure);
              });
      assertEquals(1, run(lost, "--input=x"));
    }
    assertEquals(
        """
        the job is lost: its Flink cluster does not answer (Connection refused); the same command continues from what was done
        the job is lost: its Flink cluster has a new JobManager, which does not know it; the same command continues from what was done
        """,
        err.toString(UTF_8));
  }

  @Test
  void otherFailuresAreExitCode1AndOneLineThatNamesTheTrace() throws IOException {
    Command<Options> failing =
        command(
            options -> {
              throw new IllegalStateException("bro\nken");
            });
    assertEquals(1, run(failing, "--input=x"));
    assertTraceOf("try failed: java.lang.IllegalStateException: bro ken");
  }

  @Test
  void exitCodeComesFromTheCommand() {
    assertEquals(0, run(command(options -> 0), "--input=x"));
    assertEquals(1, run(command(options -> 1), "--input=x"));
    assertEquals("", err.toString(UTF_8));
  }

  @ParameterizedTest
  @FieldSource("COMMANDS")
  void helpListsEachOptionWithItsDescriptionAndDefault(Command<?> command) {
    assertEquals(0, run(command, "--help"));
    String help = out.toString(UTF_8).replaceAll("\\s+", " ");
    for (Option option : Option.of(command.options())) {
      String wanted =
          option.name().equals("preset")
              ? "one of " + String.join(", ", command.presets().keySet())
              : option.wanted();
      String line = option.label() + (option.positional() ? " " : "= ") + wanted;
      assertTrue(help.contains(line), line);
      assertFalse(option.description().isBlank(), option.name());
      assertTrue(help.contains(option.description()), option.name());
      assertTrue(
          option.required()
              || option
                  .defaultText(command.presets())
                  .filter(text -> help.contains("default: " + text))
                  .isPresent()
              || option.description().contains("Left out:"),
          option.name() + " has neither a default nor a word on what happens without it");
    }
    assertTrue(help.contains(command.description()));
  }

  @ParameterizedTest
  @FieldSource("COMMANDS")
  void documentedDefaultsAreValid(Command<?> command) {
    for (Option option : Option.of(command.options())) {
      for (Record recipe : command.presets().values()) {
        option
            .presetDefault(recipe)
            .map(Option::text)
            .ifPresent(
                text -> {
                  option.argument(text);
                  option.check(text, option.presetDefault(recipe).orElseThrow());
                });
      }
    }
  }

  @Test
  void decodingIsLimitedByTheSameDefaultsAndInTheSameUnitsEverywhere() {
    String[] required = {"--input=x", "--tokenizer=y", "--output=z"};
    TokenizeDataset.Options options = CommandLine.parse(TokenizeDataset.COMMAND, required);
    assertEquals(DecodingLimits.DEFAULT, DecodingOptions.limits(options));
    options.setMaxPixels(12);
    options.setMaxImageMegabytes(2047);
    assertEquals(new DecodingLimits(12, 2047L * 1024 * 1024), DecodingOptions.limits(options));
    for (Command<?> command :
        List.of(TrainTokenizer.COMMAND, PretrainMim.COMMAND, Evaluate.COMMAND)) {
      assertTrue(DecodingOptions.class.isAssignableFrom(command.options()), command.name());
    }
  }

  @Test
  void anUnreachableEndpointIsReportedAtOnce() {
    String endpoint = "--gcsEndpoint=http://127.0.0.1:1";
    assertEquals(CommandLine.INVALID, run(command(options -> 0), "--input=x", endpoint));
    String told = err.toString(UTF_8);
    assertTrue(told.startsWith(endpoint + "/storage/v1/: found nobody there ("), told);
  }

  @Test
  void trainingsSetTheirJobNameAndParallelismThemselves() {
    for (String own : List.of("--jobName=mine", "--parallelism=3")) {
      assertEquals(2, run(PretrainMim.COMMAND, "--shards=x", "--output=y", own));
      String said = err.toString(UTF_8);
      assertTrue(
          said.startsWith(
              own + ": found an option that ./beit2 pretrain sets itself; wanted none: "),
          said);
      assertEquals(1, said.lines().count(), said);
      err.reset();
    }
  }

  @Test
  void theLengthOfARoundIsGivenByOneOption() {
    String[] required = {"--shards=x", "--output=y"};
    PretrainMim.Options options = CommandLine.parse(PretrainMim.COMMAND, required);
    assertEquals(100, options.getCheckpointEvery());
    assertNull(options.getLocalSteps());
    options =
        CommandLine.parse(
            PretrainMim.COMMAND, new String[] {"--localSteps=7", "--shards=x", "--output=y"});
    assertEquals(7, options.getLocalSteps());
    assertNull(options.getCheckpointEvery());
    for (Command<?> command : List.of(TrainTokenizer.COMMAND, PretrainMim.COMMAND)) {
      String data = command == PretrainMim.COMMAND ? "--shards=x" : "--input=x";
      assertEquals(2, run(command, data, "--output=y", "--localSteps=3", "--checkpointEvery=2"));
      String said = err.toString(UTF_8);
      assertTrue(said.contains("--localSteps=3"), said);
      assertTrue(said.contains("--checkpointEvery=2"), said);
      assertTrue(said.contains("found both; wanted one of them"), said);
      assertEquals(1, said.lines().count(), said);
      err.reset();
    }
  }

  @Test
  void helpShowsNoDefaultIfThereIsNone() {
    String help = Help.of(TokenizeDataset.COMMAND);
    assertTrue(help.contains("--shardCount=  a whole number from 1 to 1000000\n"), help);
  }

  @Test
  void helpListsTheOptionsOfARunner() {
    assertEquals(0, run(command(options -> 0), "--help=FlinkPipelineOptions"));
    assertTrue(out.toString(UTF_8).contains("--flinkMaster"));
  }
}
