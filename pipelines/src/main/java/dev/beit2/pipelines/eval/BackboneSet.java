package dev.beit2.pipelines.eval;

import dev.beit2.io.shard.FeatureMetadata.Vector;
import dev.beit2.model.checkpoint.Sha256Channel;
import dev.beit2.model.eval.Backbone;
import dev.beit2.model.eval.FeatureChoice;
import dev.beit2.model.torch.Precision;
import dev.beit2.pipelines.options.Inputs;
import dev.beit2.pipelines.run.Checkpoint;
import java.io.IOException;
import java.io.Serializable;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;

/**
 * A trained backbone and, on request, an untrained one of the same shape.
 *
 * @param all the backbones, the trained one first
 * @param digest SHA-256 of the {@code model.safetensors} of the trained one
 */
record BackboneSet(List<Backbone> all, String digest) implements AutoCloseable {
  /** Comes before the names of the untrained backbone's vectors. */
  static final String UNTRAINED = "untrained_";

  BackboneSet {
    all = List.copyOf(all);
  }

  /**
   * Opens the backbones of a file.
   *
   * @param file its path
   * @param precision of the arithmetic
   * @param choice of the vectors that they compute
   * @param untrained whether to add the untrained backbone
   * @param seed of the initialization of the untrained backbone
   */
  record Source(
      String file, Precision precision, FeatureChoice choice, boolean untrained, long seed)
      implements Serializable {
    private static final long serialVersionUID = 1L;

    /** The file, or the folder of the checkpoint that it belongs to. */
    String name() {
      return file.endsWith("/" + Checkpoint.MODEL)
          ? file.substring(0, file.length() - Checkpoint.MODEL.length() - 1)
          : file;
    }

    /**
     * Reads the file.
     *
     * @throws dev.beit2.pipelines.cli.InvalidOptionException if it holds no backbone
     */
    BackboneSet open() throws IOException {
      return Inputs.model(
          "--backbone",
          file,
          in -> {
            Sha256Channel measured = new Sha256Channel(in);
            Backbone trained = Backbone.read(measured, precision);
            return new BackboneSet(
                untrained ? List.of(trained, trained.untrained(seed)) : List.of(trained),
                measured.digest());
          });
    }
  }

  /** The vectors of an image, in order: those of the trained backbone first. */
  List<Vector> vectors(FeatureChoice choice) {
    List<Vector> vectors = new ArrayList<>();
    for (int i = 0; i < all.size(); i++) {
      String prefix = i == 0 ? "" : UNTRAINED;
      all.get(i)
          .vectorSizes(choice)
          .forEach((name, size) -> vectors.add(new Vector(prefix + name, size)));
    }
    return vectors;
  }

  /** What people should know of the trained one, if anything. */
  Optional<String> note() {
    return all.get(0).note();
  }

  /** How the trained one has seen grey images of 16 bits, if its file says so. */
  Optional<String> greyRange() {
    return all.get(0).greyRange();
  }

  int imageSize() {
    return all.get(0).imageSize();
  }

  @Override
  public void close() {
    all.forEach(Backbone::close);
  }
}
