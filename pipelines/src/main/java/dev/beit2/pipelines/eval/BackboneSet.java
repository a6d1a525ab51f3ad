package dev.beit2.pipelines.eval;

import dev.beit2.model.eval.Backbone;
import dev.beit2.model.torch.Precision;
import dev.beit2.pipelines.options.Inputs;
import dev.beit2.pipelines.run.Checkpoint;
import java.io.IOException;
import java.io.Serializable;
import java.util.List;
import java.util.Optional;

/**
 * A trained backbone and, on request, an untrained one of the same shape.
 *
 * @param all the backbones, the trained one first
 */
record BackboneSet(List<Backbone> all) implements AutoCloseable {
  BackboneSet {
    all = List.copyOf(all);
  }

  /**
   * Opens the backbones of a file.
   *
   * @param file its path
   * @param precision of the arithmetic
   * @param untrained whether to add the untrained backbone
   * @param seed of the initialization of the untrained backbone
   */
  record Source(String file, Precision precision, boolean untrained, long seed)
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
      Backbone trained = Inputs.model("--backbone", file, in -> Backbone.read(in, precision));
      return new BackboneSet(
          untrained ? List.of(trained, trained.untrained(seed)) : List.of(trained));
    }
  }

  /** What people should know of the trained one, if anything. */
  Optional<String> note() {
    return all.get(0).note();
  }

  int imageSize() {
    return all.get(0).imageSize();
  }

  @Override
  public void close() {
    all.forEach(Backbone::close);
  }
}
