package dev.beit2.pipelines.finetune;

import dev.beit2.io.image.source.ImageDataset;
import dev.beit2.io.image.source.ImageSource;
import dev.beit2.model.recipe.FineTuningRecipe;
import dev.beit2.pipelines.cli.Command;
import dev.beit2.pipelines.cli.CommandLine;
import dev.beit2.pipelines.cli.Range;
import dev.beit2.pipelines.jvm.SharedInJvm;
import dev.beit2.pipelines.options.ImageSourceOptions;
import dev.beit2.pipelines.options.Inputs;
import dev.beit2.pipelines.run.ClassNames;
import dev.beit2.pipelines.train.TrainingJobs;
import dev.beit2.pipelines.train.TrainingOptions;
import java.io.IOException;
import org.apache.beam.sdk.options.Default;
import org.apache.beam.sdk.options.Description;
import org.apache.beam.sdk.options.Validation;

/** Fine-tunes a pretrained backbone as a classifier (paper, section 4.1). */
public final class FineTuneClassifier {
  public static final String NAME = "finetune";

  public static final Command<Options> COMMAND =
      Command.of(
              NAME,
              "backbone + labelled images -> classifier",
              "Fine-tunes a pretrained vision transformer as a classifier of images: lower layers learn more slowly than higher "
                  + "ones (layer-wise decay), and images are augmented, erased in part and mixed.",
              Options.class,
              options -> {
                run(options, NAME);
                return CommandLine.OK;
              })
          .withPresets(FineTuningRecipe.PRESETS)
          .refusing(TrainingOptions.SET_BY_TRAINING);

  private FineTuneClassifier() {}

  /** The options of {@code ./beit2 finetune}. */
  public interface Options extends TrainingOptions, ImageSourceOptions {
    @Description(
        "The backbone: a run of ./beit2 pretrain or finetune, one of its checkpoints, or a file: model.safetensors, or a .pth "
            + "of the official code, pretrained or fine-tuned.")
    @Validation.Required
    String getBackbone();

    void setBackbone(String backbone);

    @Description(
        "Labelled images: a folder with one subfolder per class, an archive, or several files by a glob or braces; see "
            + "--format. Images that cannot be decoded or have no label are left out and listed in OUTPUT/rejected.")
    @Validation.Required
    String getInput();

    void setInput(String input);

    @Description(
        "Labelled images of the same classes that measure each checkpoint: top-1 and top-5 accuracy and loss, in a single "
            + "crop of the centre. Left out: none.")
    String getValidation();

    void setValidation(String validation);

    @Description(
        "The recipe. tiny: for the sample photographs. base and large: the official ones by what the backbone was trained on: "
            + "pt1600 and pt300 for so many epochs of pretraining, ft21k if it is fine-tuned on ImageNet-21k already; to21k "
            + "fine-tunes it on ImageNet-21k.")
    @Default.String("base-pt1600")
    String getPreset();

    void setPreset(String preset);

    @Description("Classes. Left out: as many as --input has names of classes.")
    @Range(min = 2, max = 1048576)
    Integer getClasses();

    void setClasses(Integer classes);

    @Description(
        "Width and height of the network's input in pixels; a multiple of the backbone's patch. Relative positions are "
            + "resized. Left out: the backbone's.")
    @Range(min = 8, max = 4096)
    Integer getInputSize();

    void setInputSize(Integer inputSize);

    @Description(
        "Whether to begin with random values instead of those of --backbone, which then only gives the shape: a baseline.")
    @Default.Boolean(false)
    boolean getUntrained();

    void setUntrained(boolean untrained);

    @Description("Whether the head sees [CLS] instead of the mean of the patches.")
    Boolean getUseCls();

    void setUseCls(Boolean useCls);

    @Description("Rate of stochastic depth in the last block.")
    @Range(min = 0, max = 0.9)
    Double getDropPath();

    void setDropPath(Double dropPath);

    @Description("Factor from a layer's learning rate to that of the layer below it.")
    @Range(min = 0.01, max = 1)
    Double getLayerDecay();

    void setLayerDecay(Double layerDecay);

    @Description("Part of each target that all classes share.")
    @Range(min = 0, max = 0.9)
    Double getLabelSmoothing();

    void setLabelSmoothing(Double labelSmoothing);

    @Description(
        "Parameter of the Beta distribution from which mixup draws the weights of two images; 0: no mixup. With mixup and "
            + "cutmix, half of the draws are either.")
    @Range(min = 0, max = 4)
    Double getMixup();

    void setMixup(Double mixup);

    @Description("The same for cutmix, which puts a box of one image into another; 0: no cutmix.")
    @Range(min = 0, max = 4)
    Double getCutmix();

    void setCutmix(Double cutmix);

    @Description("Images that share a draw of mixup or cutmix; an even number.")
    @Range(min = 2, max = 65536)
    Integer getMixedImages();

    void setMixedImages(Integer mixedImages);

    @Description("Probability with which a box of an image becomes noise (random erasing).")
    @Range(min = 0, max = 1)
    Double getRandomErasing();

    void setRandomErasing(Double randomErasing);

    @Description("Mean magnitude of RandAugment's two operations; 0: no RandAugment.")
    @Range(min = 0, max = 10)
    Double getRandAugment();

    void setRandAugment(Double randAugment);

    @Description("Smallest fraction of an image's area that a random crop keeps.")
    @Range(min = 0.001, max = 1)
    Double getMinCropScale();

    void setMinCropScale(Double minCropScale);
  }

  /** {@code ./beit2 finetune}. */
  public static void main(String[] args) {
    CommandLine.main(COMMAND, args);
  }

  /**
   * Trains up to the last step, from the last checkpoint if there is one.
   *
   * @param stage name of the run in progress lines
   */
  public static void run(Options options, String stage) throws IOException, InterruptedException {
    ImageSource source = FineTuningSpec.labelled("--input", options.getInput(), options);
    try (SharedInJvm<ImageDataset> images = FineTuningSpec.dataset("--input", source)) {
      FineTuningSpec spec = FineTuningSpec.of(options, stage, source, images.get());
      boolean first = !spec.plan().config().isBegun(options.getOutput());
      // Before anything else is written: the folder may be another run's.
      spec.plan().config().begin(options.getOutput());
      Inputs.printNote(stage, images.get().note());
      if (first && spec.backbone() != null) {
        Inputs.printNote(stage, options.getBackbone() + " " + spec.backbone().description());
      }
      ClassNames.write(options.getOutput(), images.get().classes());
      TrainingJobs.run(spec, options);
    }
  }
}
