package dev.beit2.pipelines.eval;

import dev.beit2.io.image.RejectedImages;
import dev.beit2.io.image.source.ImageSource;
import dev.beit2.io.shard.FeatureManifest;
import dev.beit2.io.shard.FeatureMetadata;
import dev.beit2.io.shard.FeatureType;
import dev.beit2.io.store.StoredFile;
import dev.beit2.model.eval.FeatureChoice;
import dev.beit2.pipelines.cli.InvalidOptionException;
import dev.beit2.pipelines.cli.TemplateLaunch;
import dev.beit2.pipelines.flink.FlinkTarget;
import dev.beit2.pipelines.options.Inputs;
import dev.beit2.pipelines.run.ClassNames;
import dev.beit2.pipelines.run.RejectedNote;
import dev.beit2.pipelines.run.RunConfig;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;

/**
 * The sets that a measure reads: folders of features, or images whose features are computed first,
 * into {@code OUTPUT/features}. If the command is killed and started again, it goes on with the
 * features that are complete. It deletes them at its end.
 */
final class MeasuredSets {
  /** Why a template measures only features that are there. */
  static final String ONE_JOB =
      "a launch is one job, so the features come from the template extract-features";

  private static final String FOLDER = "features";
  private static final int SHARD_MEGABYTES = 256;

  private final String stage;
  private final MeasureOptions options;
  private final FeatureChoice choice;
  private final boolean untrained;
  private final long seed;
  private final List<Part> parts = new ArrayList<>();

  /**
   * Images or features that an option names.
   *
   * @param images null if they are features
   * @param classes names by label; empty where they are not known
   */
  private record Part(MeasuredSet set, ImageSet images, List<String> classes) {}

  /**
   * @param stage name for progress messages
   * @param choice of the vectors that are needed
   * @param untrained whether those of an untrained backbone are needed
   * @param seed of the untrained backbone
   */
  MeasuredSets(
      String stage, MeasureOptions options, FeatureChoice choice, boolean untrained, long seed) {
    this.stage = stage;
    this.options = options;
    this.choice = choice;
    this.untrained = untrained;
    this.seed = seed;
  }

  /**
   * Adds what an option names.
   *
   * @throws InvalidOptionException if there is nothing, or it is known to have no labels or other
   *     classes than the first set
   */
  MeasuredSets with(String option, String path) throws IOException {
    Part part = part(option, path);
    if (!parts.isEmpty()) {
      Part first = parts.get(0);
      ClassNames.requireSame(
          part.set().label(), part.classes(), first.set().label(), first.classes());
    }
    parts.add(part);
    return this;
  }

  private Part part(String option, String path) throws IOException {
    FlinkTarget target = FlinkTarget.of(options);
    if (FeatureManifest.isIn(path)) {
      MeasuredSet set = new MeasuredSet(option, path, target.path(path));
      return new Part(set, null, ClassNames.read(path));
    }
    if (TemplateLaunch.isIn(options)) {
      throw new InvalidOptionException(
          option + "=" + path, "no features in it", "a folder of extract-features: " + ONE_JOB);
    }
    if (options.getBackbone() == null) {
      throw new InvalidOptionException(
          "--backbone",
          "nothing, and no features in " + option + "=" + path,
          "a backbone, or a folder of ./beit2 extract-features");
    }
    ImageSet images = ImageSet.of(option, path, options).labelled();
    Inputs.printNotes(stage, images.source(), images.summary());
    String folder =
        StoredFile.in(target.path(options.getOutput()), FOLDER + "/" + option.substring(2)).path();
    return new Part(new MeasuredSet(option, path, folder), images, images.summary().classes());
  }

  /** The names of the classes by label; empty if they are not known. */
  List<String> classes() {
    return parts.stream()
        .map(Part::classes)
        .filter(names -> !names.isEmpty())
        .findFirst()
        .orElse(List.of());
  }

  /**
   * Computes the features that are not there, and checks that all sets fit together. The caller
   * holds the output.
   *
   * @param vectors that the measure reads
   * @throws InvalidOptionException if an image has no label, no image can be decoded, or features
   *     are of another backbone or lack a vector
   */
  List<MeasuredSet> prepare(List<String> vectors) throws IOException {
    FeaturePlan plan = parts.stream().anyMatch(part -> part.images() != null) ? plan() : null;
    for (Part part : parts) {
      if (part.images() != null) {
        compute(plan, part);
      }
    }
    gatherRejected();
    List<MeasuredSet> sets = parts.stream().map(Part::set).toList();
    requireSameBackbone(sets, vectors);
    return sets;
  }

  private FeaturePlan plan() throws IOException {
    return FeaturePlan.of(
        options,
        stage,
        FlinkTarget.of(options).path(options.getBackbone()),
        options.getPrecision(),
        choice,
        untrained,
        seed,
        FeatureType.FLOAT32,
        SHARD_MEGABYTES);
  }

  private void compute(FeaturePlan plan, Part part) throws IOException {
    String folder = part.set().folder();
    RunConfig config = config(plan, part.images().source());
    boolean sameConfig =
        RunConfig.read(part.set().label(), folder).filter(config::equals).isPresent();
    if (sameConfig && FeatureManifest.isIn(folder)) {
      System.err.printf("[%s] features are in %s already%n", stage, folder);
      return;
    }
    if (!sameConfig) {
      delete(folder);
    }
    config.begin(folder);
    plan.write(options, stage, part.images(), folder, /* labelled= */ true);
  }

  private RunConfig config(FeaturePlan plan, ImageSource source) {
    Map<String, String> values = new TreeMap<>();
    values.put(RunConfig.COMMAND, stage);
    values.put("backbone", plan.metadata().backboneDigest());
    values.put("vectors", plan.metadata().vectors().toString());
    values.put("precision", plan.metadata().precision());
    values.put("seed", Long.toString(seed));
    values.put("input", StoredFile.withoutLastSlash(source.path()));
    values.put("format", source.format().word());
    values.put("maxPixels", Long.toString(options.getMaxPixels()));
    values.put("maxImageMegabytes", Long.toString(options.getMaxImageMegabytes()));
    return new RunConfig(new TreeMap<>(values))
        .with("greyRange", Objects.toString(plan.metadata().greyRange(), null));
  }

  /** One list of what the features of all sets lack. */
  private void gatherRejected() throws IOException {
    RejectedNote.removeOld(options.getOutput());
    List<String> folders =
        parts.stream()
            .filter(part -> part.images() != null)
            .map(part -> RejectedNote.folder(part.set().folder()))
            .toList();
    RejectedImages.gather(folders, RejectedNote.folder(options.getOutput()));
    RejectedNote.print(stage, options.getOutput());
  }

  private static void requireSameBackbone(List<MeasuredSet> sets, List<String> vectors) {
    FeatureMetadata first = Inputs.features(sets.get(0).option(), sets.get(0).folder()).metadata();
    for (MeasuredSet set : sets) {
      FeatureManifest manifest = Inputs.features(set.option(), set.folder());
      if (!manifest.metadata().backboneDigest().equals(first.backboneDigest())) {
        throw new InvalidOptionException(
            set.label(),
            "features of " + manifest.metadata().backbone(),
            "those of the backbone of %s, %s".formatted(sets.get(0).label(), first.backbone()));
      }
      if (!Objects.equals(manifest.metadata().greyRange(), first.greyRange())) {
        throw new InvalidOptionException(
            set.label(),
            "features of images with " + greyRange(manifest.metadata()),
            "%s, as those of %s".formatted(greyRange(first), sets.get(0).label()));
      }
      for (String vector : vectors) {
        if (manifest.size(vector) == 0) {
          throw new InvalidOptionException(
              set.label(),
              "features without " + vector,
              "features with it (./beit2 extract-features --help says how)");
        }
      }
    }
  }

  private static String greyRange(FeatureMetadata features) {
    return features.greyRange() == null ? "no --greyRange" : "--greyRange=" + features.greyRange();
  }

  /** Deletes the features that were computed for this command alone. */
  void deleteComputed() throws IOException {
    for (Part part : parts) {
      if (part.images() != null) {
        delete(part.set().folder());
      }
    }
    StoredFile.in(options.getOutput(), FOLDER).deleteEmptyFolder();
  }

  /** The manifest first: without it the rest is no set. */
  private static void delete(String folder) throws IOException {
    StoredFile.in(folder, "manifest.json").deleteIfExists();
    for (String sub : List.of(RejectedNote.folder(folder), folder)) {
      for (String glob : List.of("*", ".*.tmp")) {
        for (String file : StoredFile.matching(sub, glob)) {
          new StoredFile(file).deleteIfExists();
        }
      }
      new StoredFile(sub).deleteEmptyFolder();
    }
  }
}
