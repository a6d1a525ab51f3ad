package dev.beit2.pipelines.eval;

import dev.beit2.model.eval.Backbone;
import dev.beit2.model.torch.Precision;
import dev.beit2.pipelines.options.Inputs;
import java.io.IOException;
import java.io.Serializable;
import java.util.List;

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
   * Opens the backbones of a checkpoint.
   *
   * @param checkpoint its folder
   * @param precision of the arithmetic
   * @param untrained whether to add the untrained backbone
   * @param seed of the initialization of the untrained backbone
   */
  record Source(String checkpoint, Precision precision, boolean untrained, long seed)
      implements Serializable {
    private static final long serialVersionUID = 1L;

    /**
     * Reads the checkpoint.
     *
     * @throws dev.beit2.pipelines.cli.InvalidOptionException if it holds no backbone
     */
    BackboneSet open() throws IOException {
      Backbone trained = Inputs.model("--backbone", checkpoint, in -> Backbone.read(in, precision));
      return new BackboneSet(
          untrained ? List.of(trained, trained.untrained(seed)) : List.of(trained));
    }
  }

  int imageSize() {
    return all.get(0).imageSize();
  }

  @Override
  public void close() {
    all.forEach(Backbone::close);
  }
}
