package dev.beit2.pipelines.eval;

import dev.beit2.io.image.DecodingLimits;
import dev.beit2.io.image.ImageRecord;
import dev.beit2.io.image.RejectedImages;
import dev.beit2.io.image.source.ImageDatasetIO;
import dev.beit2.io.shard.FeatureManifest;
import dev.beit2.io.shard.FeatureMetadata;
import dev.beit2.io.shard.FeatureShardIO;
import dev.beit2.io.shard.FeatureType;
import dev.beit2.model.eval.FeatureChoice;
import dev.beit2.model.torch.Precision;
import dev.beit2.pipelines.cli.InvalidOptionException;
import dev.beit2.pipelines.cli.Option;
import dev.beit2.pipelines.cli.StageProgress;
import dev.beit2.pipelines.flink.FlinkTarget;
import dev.beit2.pipelines.options.ImageSourceOptions;
import dev.beit2.pipelines.options.Inputs;
import dev.beit2.pipelines.run.ClassNames;
import dev.beit2.pipelines.run.FaintImages;
import dev.beit2.pipelines.run.RejectedNote;
import java.io.IOException;
import java.util.Optional;
import org.apache.beam.sdk.Pipeline;
import org.apache.beam.sdk.transforms.DoFn;
import org.apache.beam.sdk.transforms.Flatten;
import org.apache.beam.sdk.transforms.ParDo;
import org.apache.beam.sdk.values.PCollection;
import org.apache.beam.sdk.values.PCollectionList;
import org.apache.beam.sdk.values.PCollectionTuple;

/**
 * Which features are computed, and how they are stored.
 *
 * @param backbones that compute them
 * @param metadata of the set
 * @param limits of the images that are decoded
 * @param shardMegabytes approximate size of a shard
 */
record FeaturePlan(
    BackboneSet.Source backbones,
    FeatureMetadata metadata,
    DecodingLimits limits,
    int shardMegabytes) {
  /**
   * The plan for the backbone that {@code --backbone} names, which is read to check it.
   *
   * @param options that say how images are decoded
   * @param seed of the untrained backbone and of the order of rows
   * @throws InvalidOptionException if there is no backbone
   */
  static FeaturePlan of(
      ImageSourceOptions options,
      String stage,
      String backbone,
      Precision precision,
      FeatureChoice choice,
      boolean untrained,
      long seed,
      FeatureType type,
      int shardMegabytes)
      throws IOException {
    BackboneSet.Source source =
        new BackboneSet.Source(
            Inputs.modelFile("--backbone", backbone).path(), precision, choice, untrained, seed);
    try (BackboneSet opened = source.open()) {
      opened.note().ifPresent(note -> Inputs.printNote(stage, backbone + " is " + note));
      DecodingLimits limits =
          ImageSourceOptions.decoding(
              options, stage, "--backbone=" + backbone, opened.greyRange().orElse(null));
      FeatureMetadata metadata =
          new FeatureMetadata(
              source.name(),
              opened.digest(),
              Option.text(precision),
              type,
              seed,
              limits.greyRange(),
              opened.vectors(choice));
      return new FeaturePlan(source, metadata, limits, shardMegabytes);
    }
  }

  /**
   * Computes the features of images into a folder, which the caller holds.
   *
   * @param labelled whether an image without a label ends the command
   * @throws InvalidOptionException if no image can be decoded, or one must have a label and has
   *     none
   */
  void write(
      ImageSourceOptions options, String stage, ImageSet images, String folder, boolean labelled)
      throws IOException {
    RejectedNote.removeOld(folder);
    ClassNames.write(folder, images.summary().classes());
    StageProgress progress = StageProgress.of(stage, images.summary().images().orElse(0), options);
    Pipeline pipeline = pipeline(options, images, folder, labelled, progress);
    long faint = FaintImages.in(progress.run(pipeline));
    FaintImages.print(stage, faint);
    if (FeatureManifest.read(folder).rows() == 0) {
      Optional<RejectedImages.Written> rejected =
          RejectedImages.written(RejectedNote.folder(folder));
      throw new InvalidOptionException(
          images.given(),
          rejected.isEmpty()
              ? "no image in it"
              : "no image that can be decoded (see " + rejected.get().path() + ")",
          "at least one");
    }
  }

  private Pipeline pipeline(
      ImageSourceOptions options,
      ImageSet images,
      String folder,
      boolean labelled,
      StageProgress progress) {
    Pipeline pipeline = Pipeline.create(options);
    PCollectionTuple read = pipeline.apply("Read images", ImageDatasetIO.read(images.source()));
    PCollection<ImageRecord> records = read.get(ImageDatasetIO.IMAGES);
    PCollectionTuple features =
        (labelled ? records.apply("Labels", ParDo.of(new RequireLabelFn(images.given()))) : records)
            .apply(
                "Features",
                new ComputeFeatures(
                    backbones, limits, FlinkTarget.of(options).threadsPerTask(), progress));
    PCollection<String> rejected =
        PCollectionList.of(read.get(ImageDatasetIO.REJECTED))
            .and(features.get(ComputeFeatures.REJECTED))
            .apply("All rejected", Flatten.pCollections())
            .apply("Write rejected", RejectedImages.write(RejectedNote.folder(folder)));
    features
        .get(ComputeFeatures.FEATURES)
        .apply(
            "Write features",
            FeatureShardIO.write(folder, metadata)
                .withShardMegabytes(shardMegabytes)
                .withManifestAfter(rejected));
    return pipeline;
  }

  private static final class RequireLabelFn extends DoFn<ImageRecord, ImageRecord> {
    private static final long serialVersionUID = 1L;

    private final String given;

    RequireLabelFn(String given) {
      this.given = given;
    }

    @ProcessElement
    public void processElement(@Element ImageRecord image, OutputReceiver<ImageRecord> labeled) {
      if (image.label() == null) {
        throw new InvalidOptionException(
            given, "the image " + image.key() + " without a label", "labelled images");
      }
      labeled.output(image);
    }
  }
}
