package dev.beit2.pipelines.generate;

import static java.util.Objects.requireNonNull;

import dev.beit2.io.SeededRandom;
import dev.beit2.io.image.Augmentation;
import dev.beit2.io.image.DecodingLimits;
import dev.beit2.io.image.EncodedImage;
import dev.beit2.io.image.ImageEncoder;
import dev.beit2.io.image.ImageFolder;
import dev.beit2.io.image.RgbImage;
import dev.beit2.io.image.UndecodableImageException;
import dev.beit2.io.image.View;
import dev.beit2.io.store.Hold;
import dev.beit2.io.store.StoredFile;
import dev.beit2.pipelines.cli.Command;
import dev.beit2.pipelines.cli.CommandLine;
import dev.beit2.pipelines.cli.InvalidOptionException;
import dev.beit2.pipelines.cli.Range;
import dev.beit2.pipelines.cli.StageProgress;
import dev.beit2.pipelines.flink.FlinkTarget;
import dev.beit2.pipelines.options.Inputs;
import dev.beit2.pipelines.run.OutputFolder;
import java.io.IOException;
import java.util.Locale;
import org.apache.beam.sdk.Pipeline;
import org.apache.beam.sdk.io.GenerateSequence;
import org.apache.beam.sdk.options.Default;
import org.apache.beam.sdk.options.Description;
import org.apache.beam.sdk.options.PipelineOptions;
import org.apache.beam.sdk.options.Validation;
import org.apache.beam.sdk.transforms.DoFn;
import org.apache.beam.sdk.transforms.ParDo;
import org.apache.beam.sdk.transforms.Reshuffle;
import org.apache.beam.sdk.transforms.display.DisplayData;
import org.apache.beam.sdk.values.PCollection;

/**
 * Makes any number of images of the usual size of ImageNet from a few photographs: data to try
 * things on at scale. Each image is a crop of a photograph, encoded as JPEG, so it has the content
 * and the entropy of a photograph.
 */
public final class GenerateImages {
  static final String NAME = "generate";

  public static final Command<Options> COMMAND =
      Command.of(
              NAME,
              "any number of images made from a few: data to try things on",
              "Makes any number of JPEGs by cropping a few photographs, at ImageNet's usual sizes: data to try other "
                  + "commands on at scale. Image i is the same every time.",
              Options.class,
              options -> {
                run(options, NAME);
                return CommandLine.OK;
              })
          .withLocalParallelism(FlinkTarget.processors());

  private static final String PURPOSE = "generated";
  private static final int LONG_SIDE = 500;
  private static final int SHORT_SIDE = 375;
  private static final int QUALITY = 90;
  private static final int IMAGES_PER_FOLDER = 1000;
  private static final Augmentation CROP = Augmentation.randomResizedCrop(0.3);

  private GenerateImages() {}

  /** The options of {@code ./beit2 generate}. */
  public interface Options extends PipelineOptions {
    @Description("Photographs: a folder or a glob.")
    @Validation.Required
    String getInput();

    void setInput(String input);

    @Description("Folder for the images: subfolders of 1000, FOLDER/NUMBER.JPEG.")
    @Validation.Required
    String getOutput();

    void setOutput(String output);

    @Description("Number of images to make.")
    @Default.Long(20000)
    @Range(min = 1)
    long getCount();

    void setCount(long count);

    @Description("Seed of the crops.")
    @Default.Long(0)
    long getSeed();

    void setSeed(long seed);
  }

  /** {@code ./beit2 generate}. */
  public static void main(String[] args) {
    CommandLine.main(COMMAND, args);
  }

  /**
   * Makes the images.
   *
   * @param stage name of the pipeline in progress lines
   */
  static void run(Options options, String stage) throws IOException {
    Inputs.images("--input", options.getInput());
    StageProgress progress = StageProgress.of(stage, options.getCount(), options);
    FlinkTarget target = FlinkTarget.of(options);
    Pipeline pipeline = Pipeline.create(options);
    PCollection<Long> numbers =
        pipeline
            .apply("Numbers", GenerateSequence.from(0).to(options.getCount()))
            .apply("Spread", Reshuffle.viaRandomKey());
    numbers.apply(
        "Crop",
        ParDo.of(
            new CropFn(
                target.path(options.getInput()),
                target.path(options.getOutput()),
                options.getSeed(),
                progress)));
    try (Hold held = OutputFolder.hold(options.getOutput())) {
      progress.run(pipeline);
    }
  }

  private static final class CropFn extends DoFn<Long, Void> {
    private static final long serialVersionUID = 1L;

    private final String input;
    private final String output;
    private final long seed;
    private final StageProgress progress;

    private transient ImageFolder photographs;

    CropFn(String input, String output, long seed, StageProgress progress) {
      this.input = requireNonNull(input, "input is null");
      this.output = requireNonNull(output, "output is null");
      this.seed = seed;
      this.progress = requireNonNull(progress, "progress is null");
    }

    @Override
    public void populateDisplayData(DisplayData.Builder builder) {
      builder
          .add(DisplayData.item("input", input))
          .add(DisplayData.item("output", output))
          .add(DisplayData.item("seed", seed));
    }

    @Setup
    public void setUp() throws IOException {
      photographs = ImageFolder.list(input);
      progress.open();
    }

    @ProcessElement
    public void processElement(@Element Long number) throws IOException {
      String name =
          String.format(Locale.ROOT, "%03d/%07d.JPEG", number / IMAGES_PER_FOLDER, number);
      byte[] jpeg = ImageEncoder.jpeg(crop(number), QUALITY);
      StoredFile.in(output, name).write(jpeg);
      progress.count(1);
    }

    @Teardown
    public void tearDown() throws IOException {
      progress.close();
    }

    private RgbImage crop(long number) throws IOException {
      SeededRandom random = SeededRandom.of(seed, PURPOSE, number);
      int photograph = random.nextInt(photographs.entries().size());
      ImageFolder.Entry entry = photographs.entries().get(photograph);
      RgbImage whole;
      try {
        whole = EncodedImage.open(photographs.read(entry), DecodingLimits.DEFAULT).pixels();
      } catch (UndecodableImageException e) {
        throw new InvalidOptionException(
            "--input=" + input, entry.key() + " (" + e.getMessage() + ")", "photographs");
      }
      View view = CROP.sample(seed, PURPOSE + number, 0, whole.width(), whole.height());
      boolean wide = view.width() >= view.height();
      return whole.resize(
          view.left(),
          view.top(),
          view.width(),
          view.height(),
          wide ? LONG_SIDE : SHORT_SIDE,
          wide ? SHORT_SIDE : LONG_SIDE);
    }
  }
}
