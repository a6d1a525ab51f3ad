package dev.beit2.pipelines.vqkd;

import dev.beit2.io.Json;
import dev.beit2.io.PlainText;
import dev.beit2.io.image.RejectedImage;
import dev.beit2.io.image.source.ImageDataset;
import dev.beit2.io.image.source.ImageSource;
import dev.beit2.io.shard.CodeUsage;
import dev.beit2.model.teacher.Teacher;
import dev.beit2.model.tokenizer.InvalidCodesException;
import dev.beit2.model.tokenizer.TokenizerDescription;
import dev.beit2.model.tokenizer.TokenizerValidation;
import dev.beit2.model.tokenizer.VqKdConfig;
import dev.beit2.model.torch.Kernels;
import dev.beit2.pipelines.cli.Command;
import dev.beit2.pipelines.cli.CommandLine;
import dev.beit2.pipelines.cli.InvalidOptionException;
import dev.beit2.pipelines.cli.Progress;
import dev.beit2.pipelines.cli.Range;
import dev.beit2.pipelines.cli.UsageText;
import dev.beit2.pipelines.loader.HeldOutImages;
import dev.beit2.pipelines.options.ImageSourceOptions;
import dev.beit2.pipelines.options.Inputs;
import dev.beit2.pipelines.options.TokenizerOptions;
import dev.beit2.pipelines.options.TokenizerSource;
import dev.beit2.pipelines.run.FaintImages;
import java.io.IOException;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.OptionalDouble;
import org.apache.beam.sdk.options.Default;
import org.apache.beam.sdk.options.Description;
import org.apache.beam.sdk.options.Validation;

/**
 * Measures how well a tokenizer, perhaps one that was trained on other images, fits a set of
 * images, before anything is tokenized.
 */
public final class CodebookCheck {
  static final String NAME = "codebook-check";

  public static final Command<Options> COMMAND =
      Command.of(
          NAME,
          "how well a tokenizer fits your images",
          "Encodes a sample of images and tells how much of the tokenizer's codebook they use. A codebook that collapses on "
              + "your images makes pretraining on its codes worthless. Writes nothing.",
          Options.class,
          options -> {
            System.out.println(run(options));
            return CommandLine.OK;
          });

  /** Fraction of the codebook in use below which a warning is told. */
  private static final double LEAST_USAGE = 0.5;

  /** Below so many patches per code, codes may be unused because there are too few patches. */
  private static final int ENOUGH_PATCHES = 10;

  private static final int MOST_REASONS = 3;

  private CodebookCheck() {}

  /** The options of {@code ./beit2 codebook-check}. */
  public interface Options extends ImageSourceOptions, TeacherOptions, TokenizerOptions {
    @Description(
        "Images: a folder, an archive, or several files by a glob or braces; see --format.")
    @Validation.Required
    String getInput();

    void setInput(String input);

    @Description("Images to encode, drawn at random; 0 for all.")
    @Default.Long(2000)
    @Range(min = 0)
    long getSample();

    void setSample(long sample);

    @Description("Seed of the sample.")
    @Default.Long(0)
    long getSeed();

    void setSeed(long seed);

    @Description(
        "The teacher that the tokenizer was distilled from, as in train-tokenizer: how well its features are reconstructed on "
            + "these images is measured as well. Left out: it is not.")
    String getTeacher();

    void setTeacher(String teacher);

    @Description("Whether to print the report as JSON.")
    @Default.Boolean(false)
    boolean getJson();

    void setJson(boolean json);
  }

  /** {@code ./beit2 codebook-check}. */
  public static void main(String[] args) {
    CommandLine.main(COMMAND, args);
  }

  /** Measures, and returns the report. */
  static String run(Options options) throws IOException {
    ImageSource source = Inputs.source("--input", options.getInput(), options);
    Inputs.printNotes(NAME, source, Inputs.summary("--input", source));
    TokenizerSource tokenizer = TokenizerSource.of(options);
    try (TokenizerValidation measured = open(options, tokenizer)) {
      ImageDataset images = Inputs.dataset("--input", source);
      long sample = options.getSample();
      long count = sample == 0 ? images.size() : Math.min(sample, images.size());
      HeldOutImages shown =
          HeldOutImages.inEvaluationCrop(
              ImageSourceOptions.decoding(options, NAME, tokenizer.option(), tokenizer.greyRange()),
              tokenizer.imageSize());
      Progress progress = Progress.onStderr(NAME, count);
      shown.show(
          images,
          options.getSeed(),
          count,
          (batch, records) -> measured.add(batch.first(records.size()), records.size()),
          done -> progress.update(done, OptionalDouble.empty(), done));
      progress.done();
      FaintImages.print(NAME, shown.faint());
      Result result = new Result(images.size(), measured, List.copyOf(shown.rejected()));
      return options.getJson() ? result.json() : result.text(options.getInput());
    } catch (InvalidCodesException e) {
      throw tokenizer.refused(e);
    }
  }

  private static TokenizerValidation open(Options options, TokenizerSource tokenizer)
      throws IOException {
    if (options.getTeacher() == null) {
      return TokenizerValidation.codesOf(tokenizer.open());
    }
    String given = "--teacher=" + options.getTeacher();
    if (TokenizerSource.isProgram(options.getTokenizer())) {
      throw new InvalidOptionException(
          given,
          "--tokenizer=" + options.getTokenizer() + ", which reconstructs no features",
          "a tokenizer of ./beit2 train-tokenizer or of the official code");
    }
    VqKdConfig network =
        Inputs.model("--tokenizer", options.getTokenizer(), TokenizerDescription::read).config();
    TeacherSource source =
        TeacherSource.of(options.getTeacher(), options, network.encoder().patchSize());
    try (Teacher loaded = source.open()) { // once, for all that follows
      int width = source.dimension(network.encoder().grid());
      if (width != network.teacherDimension()) {
        throw new InvalidOptionException(
            given,
            "features of width " + width,
            "those of the tokenizer's teacher, of width " + network.teacherDimension());
      }
      return Inputs.model(
          "--tokenizer",
          options.getTokenizer(),
          model ->
              TokenizerValidation.read(model, source.open(), Kernels.of(options.getPrecision())));
    }
  }

  /**
   * What was found.
   *
   * @param images of the whole set
   * @param tokenizer that has seen the sample
   */
  private record Result(long images, TokenizerValidation tokenizer, List<RejectedImage> rejected) {
    CodeUsage usage() {
      return CodeUsage.of(tokenizer.counts());
    }

    String json() {
      CodeUsage usage = usage();
      Map<String, Object> json = new LinkedHashMap<>();
      json.put("images", tokenizer.images());
      json.put("rejected", rejected);
      json.put("codebookSize", usage.codebookSize());
      json.put("codesInUse", usage.inUse());
      json.put("perplexity", usage.perplexity());
      if (!Double.isNaN(tokenizer.reconstructionLoss())) {
        json.put("reconstructionLoss", tokenizer.reconstructionLoss());
      }
      json.put("codeCounts", usage.counts());
      return Json.pretty(json).stripTrailing();
    }

    String text(String input) {
      CodeUsage usage = usage();
      StringBuilder text =
          new StringBuilder(
              String.format(
                  Locale.ROOT,
                  "%s: %d of %d images, %d patches: %d of %d codes in use (%.0f %%), perplexity %.1f",
                  PlainText.of(input),
                  tokenizer.images(),
                  images,
                  usage.total(),
                  usage.inUse(),
                  usage.codebookSize(),
                  100 * used(),
                  usage.perplexity()));
      if (!Double.isNaN(tokenizer.reconstructionLoss())) {
        text.append(
            String.format(
                Locale.ROOT,
                ", reconstruction loss %.3f (0 to 2)",
                tokenizer.reconstructionLoss()));
      }
      UsageText.lines(usage).forEach(line -> text.append("\n  ").append(line));
      if (!rejected.isEmpty()) {
        text.append("\nrejected: %d images".formatted(rejected.size()));
        rejected.stream()
            .limit(MOST_REASONS)
            .forEach(
                image ->
                    text.append(
                        "\n  %s: %s"
                            .formatted(PlainText.of(image.key()), PlainText.of(image.reason()))));
      }
      return text.append(advice()).toString();
    }

    private double used() {
      return usage().inUse() / (double) usage().codebookSize();
    }

    private String advice() {
      if (used() >= LEAST_USAGE) {
        return "";
      }
      return usage().total() < (long) ENOUGH_PATCHES * usage().codebookSize()
          ? "\nfew codes are in use, but there are few patches, too: try more images (--sample)"
          : "\nwarning: most of the codebook is of no use for these images; train a tokenizer on them";
    }
  }
}
