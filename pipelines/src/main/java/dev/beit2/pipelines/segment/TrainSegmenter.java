package dev.beit2.pipelines.segment;

import dev.beit2.io.image.source.ImageDataset;
import dev.beit2.model.recipe.SegmentationRecipe;
import dev.beit2.pipelines.cli.Command;
import dev.beit2.pipelines.cli.CommandLine;
import dev.beit2.pipelines.cli.Range;
import dev.beit2.pipelines.jvm.SharedInJvm;
import dev.beit2.pipelines.options.Inputs;
import dev.beit2.pipelines.run.ClassNames;
import dev.beit2.pipelines.train.TrainingJobs;
import dev.beit2.pipelines.train.TrainingOptions;
import java.io.IOException;
import org.apache.beam.sdk.options.Default;
import org.apache.beam.sdk.options.Description;
import org.apache.beam.sdk.options.Validation;

/** Trains UPerNet on a pretrained backbone to segment images (paper, section 4.1). */
public final class TrainSegmenter {
  public static final String NAME = "segment";

  public static final Command<Options> COMMAND =
      Command.of(
              NAME,
              "backbone + images with masks -> segmenter",
              "Trains a pretrained vision transformer and UPerNet to give each pixel of an image a class (semantic "
                  + "segmentation), and measures mIoU. Batch norms take the statistics of a micro-batch, so --microBatch changes "
                  + "the result.",
              Options.class,
              options -> {
                run(options, NAME);
                return CommandLine.OK;
              })
          .withPresets(SegmentationRecipe.PRESETS)
          .refusing(TrainingOptions.SET_BY_TRAINING);

  private TrainSegmenter() {}

  /** The options of {@code ./beit2 segment}. */
  public interface Options extends TrainingOptions {
    @Description(
        "The backbone: a run of ./beit2 pretrain or finetune, one of its checkpoints, or a file: model.safetensors, or a .pth "
            + "of the official code, pretrained or fine-tuned.")
    @Validation.Required
    String getBackbone();

    void setBackbone(String backbone);

    @Description(
        "A folder in ADE20K's layout: images/training/NAME.jpg, and annotations/training/NAME.png with the class of each pixel "
            + "as its grey value or number in a palette. Images without a mask that fits are left out and listed in "
            + "OUTPUT/rejected. objectInfo150.txt, or classes.txt with one name a line, names the classes.")
    @Validation.Required
    String getInput();

    void setInput(String input);

    @Description(
        "Part of --input that measures each checkpoint, such as validation: the folders of this name in images and "
            + "annotations. OUTPUT has segmentation.json, segmentation.html and pictures. Left out: none.")
    String getValidation();

    void setValidation(String validation);

    @Description(
        "The recipe. tiny: for the sample photographs. base and large: the official ones by what the backbone was trained on: "
            + "pt1k if it is pretrained, ft21k if it is fine-tuned on ImageNet-21k already.")
    @Default.String("base-pt1k")
    String getPreset();

    void setPreset(String preset);

    @Description("Classes. Left out: as many as --input has names of classes.")
    @Range(min = 2, max = 255)
    Integer getClasses();

    void setClasses(Integer classes);

    @Description(
        "Whether the masks' value 0 means no class, and 1 the first class, as in ADE20K. 255 means no class in any case.")
    Boolean getReduceZeroLabel();

    void setReduceZeroLabel(Boolean reduceZeroLabel);

    @Description(
        "Width and height of the network's input in pixels; an even number of the backbone's patches. Relative positions are "
            + "resized. Images are resized such that the shorter side is as long, in training times 0.5 to 2.")
    @Range(min = 8, max = 4096)
    Integer getInputSize();

    void setInputSize(Integer inputSize);

    @Description(
        "Whether to begin with random values instead of those of --backbone, which then only gives the shape: a baseline.")
    @Default.Boolean(false)
    boolean getUntrained();

    void setUntrained(boolean untrained);

    @Description("Width of the auxiliary head.")
    @Range(min = 1, max = 65536)
    Integer getAuxiliaryChannels();

    void setAuxiliaryChannels(Integer auxiliaryChannels);

    @Description("Rate of stochastic depth in the last block.")
    @Range(min = 0, max = 0.9)
    Double getDropPath();

    void setDropPath(Double dropPath);

    @Description("Probability with which a head does not see a channel.")
    @Range(min = 0, max = 0.9)
    Double getHeadDropout();

    void setHeadDropout(Double headDropout);

    @Description("Factor from a layer's learning rate to that of the layer below it.")
    @Range(min = 0.01, max = 1)
    Double getLayerDecay();

    void setLayerDecay(Double layerDecay);
  }

  /** {@code ./beit2 segment}. */
  public static void main(String[] args) {
    CommandLine.main(COMMAND, args);
  }

  /**
   * Trains up to the last step, from the last checkpoint if there is one.
   *
   * @param stage name of the run in progress lines
   */
  public static void run(Options options, String stage) throws IOException, InterruptedException {
    MaskedImages training = MaskedImages.part(options, MaskedImages.TRAINING);
    try (SharedInJvm<ImageDataset> images = training.open()) {
      SegmentationSpec spec = SegmentationSpec.of(options, stage, training, images.get());
      boolean first = !spec.plan().config().isBegun(options.getOutput());
      // Before anything else is written: the folder may be another run's.
      spec.plan().config().begin(options.getOutput());
      Inputs.printNote(stage, images.get().note());
      if (first && spec.backbone() != null) {
        Inputs.printNote(stage, options.getBackbone() + " " + spec.backbone().description());
      }
      ClassNames.write(options.getOutput(), spec.classNames());
      TrainingJobs.run(spec, options);
    }
  }
}
