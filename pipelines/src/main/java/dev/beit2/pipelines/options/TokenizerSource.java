package dev.beit2.pipelines.options;

import dev.beit2.io.store.StoredFile;
import dev.beit2.model.tokenizer.InvalidCodesException;
import dev.beit2.model.tokenizer.Tokenizer;
import dev.beit2.model.tokenizer.TokenizerDescription;
import dev.beit2.model.torch.Kernels;
import dev.beit2.model.torch.Normalization;
import dev.beit2.model.torch.Precision;
import dev.beit2.pipelines.cli.InvalidOptionException;
import dev.beit2.pipelines.flink.FlinkTarget;
import java.io.IOException;
import java.io.Serializable;
import java.nio.channels.ReadableByteChannel;
import javax.annotation.Nullable;

/**
 * The tokenizer that {@code --tokenizer} names.
 *
 * @param given value of the option
 * @param input what a TorchScript program expects of images; null for the others
 * @param digest SHA-256 of its file
 * @param imageSize side of its input images, in pixels
 * @param grid patches along a side
 * @param codebookSize codes, K
 * @param precision of the arithmetic; null for a TorchScript program, which has its own
 * @param greyRange with which it was trained; null if its file does not say so
 */
public record TokenizerSource(
    String given,
    @Nullable Normalization input,
    String digest,
    int imageSize,
    int grid,
    int codebookSize,
    @Nullable Precision precision,
    @Nullable String greyRange)
    implements Serializable {
  private static final long serialVersionUID = 1L;
  private static final String OPTION = "--tokenizer";
  private static final String TORCHSCRIPT = ScriptProgram.KIND + ":";

  /** Whether a value of {@code --tokenizer} names a TorchScript program. */
  public static boolean isProgram(String given) {
    return given.startsWith(TORCHSCRIPT);
  }

  /**
   * The source that options describe. A program is loaded and tried.
   *
   * @throws InvalidOptionException if there is no tokenizer
   */
  public static TokenizerSource of(TokenizerOptions options) throws IOException {
    String given = reachable(options);
    if (isProgram(given)) {
      return ofProgram(given, options);
    }
    refuse("--tokenizerMean", options.getTokenizerMean(), given);
    refuse("--tokenizerStd", options.getTokenizerStd(), given);
    refuse("--tokenizerSize", options.getTokenizerSize(), given);
    refuse("--tokenizerCodes", options.getTokenizerCodes(), given);
    TokenizerDescription found = Inputs.model(OPTION, given, TokenizerDescription::read);
    return new TokenizerSource(
        given,
        null,
        found.digest(),
        found.config().encoder().imageSize(),
        found.config().encoder().grid(),
        found.config().codebookSize(),
        options.getPrecision(),
        found.greyRange());
  }

  /** The option as it was given. */
  public String option() {
    return OPTION + "=" + given;
  }

  /** The value of the option, with the path under which the workers find the file. */
  private static String reachable(TokenizerOptions options) {
    FlinkTarget target = FlinkTarget.of(options);
    String given = options.getTokenizer();
    return isProgram(given)
        ? TORCHSCRIPT + target.path(given.substring(TORCHSCRIPT.length()))
        : target.path(given);
  }

  private static void refuse(String option, @Nullable Object value, String tokenizer) {
    if (value != null) {
      throw new InvalidOptionException(
          option + "=" + value, OPTION + "=" + tokenizer, OPTION + "=" + TORCHSCRIPT + "FILE");
    }
  }

  private static TokenizerSource ofProgram(String given, TokenizerOptions options)
      throws IOException {
    ScriptProgram program = new ScriptProgram(OPTION, file(given));
    Normalization input =
        program.input(
            options.getTokenizerMean(), options.getTokenizerStd(), options.getTokenizerSize());
    int codes = program.number("codes", options.getTokenizerCodes(), Tokenizer.MOST_CODES);
    try (Tokenizer tokenizer = program(given, input, codes)) {
      return new TokenizerSource(
          given, input, tokenizer.digest(), input.size(), tokenizer.grid(), codes, null, null);
    }
  }

  private static StoredFile file(String given) throws IOException {
    StoredFile file = new StoredFile(given.substring(TORCHSCRIPT.length()));
    if (!file.exists()) {
      throw new InvalidOptionException(
          OPTION + "=" + given, "no file " + file.path(), "the program's file");
    }
    return file;
  }

  private static Tokenizer program(String given, Normalization input, int codes)
      throws IOException {
    try (ReadableByteChannel in = file(given).open()) {
      return Tokenizer.torchScript(Kernels.of(Precision.FP32), in, input, codes);
    } catch (IOException | IllegalArgumentException e) {
      throw new InvalidOptionException(
          OPTION + "=" + given, e.getMessage(), "a program that makes codes of images");
    }
  }

  /**
   * The digest of the tokenizer that a value of {@code --tokenizer} names. No network is loaded.
   *
   * @throws InvalidOptionException if there is no tokenizer
   */
  public static String digest(String given) throws IOException {
    return isProgram(given)
        ? Inputs.digest(file(given))
        : Inputs.model(OPTION, given, TokenizerDescription::read).digest();
  }

  /**
   * Loads the tokenizer.
   *
   * @throws InvalidOptionException if it is not the same any more
   */
  public Tokenizer open() throws IOException {
    Tokenizer tokenizer =
        input == null
            ? Inputs.model(OPTION, given, in -> Tokenizer.read(in, precision))
            : program(given, input, codebookSize);
    if (!tokenizer.digest().equals(digest)) {
      tokenizer.close();
      throw new InvalidOptionException(
          OPTION + "=" + given,
          "digest " + tokenizer.digest(),
          digest + ", as when the command began");
    }
    return tokenizer;
  }

  /** The failure of a program whose codes are none. */
  public InvalidOptionException refused(InvalidCodesException codes) {
    return new InvalidOptionException(
        OPTION + "=" + given,
        codes.getMessage(),
        "%d codes of each image, in [0, %d)".formatted(grid * grid, codebookSize));
  }
}
