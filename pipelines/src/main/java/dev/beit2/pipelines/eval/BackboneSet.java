package dev.beit2.pipelines.eval;

import dev.beit2.model.eval.Backbone;
import dev.beit2.model.torch.Precision;
import dev.beit2.pipelines.options.Inputs;
import java.io.IOException;
import java.io.Serializable;
import java.util.List;

/**
 * A trained backbone and, if asked for, one of the same shape as initialised.
 *
 * @param all the trained one first
 */
record BackboneSet(List<Backbone> all) implements AutoCloseable {
  BackboneSet {
    all = List.copyOf(all);
  }

  /**
   * Where the trained one is.
   *
   * @param checkpoint its folder
   * @param untrained whether the untrained one is asked for
   * @param seed of the untrained one
   */
  record Source(String checkpoint, Precision precision, boolean untrained, long seed)
      implements Serializable {
    private static final long serialVersionUID = 1L;

    /**
     * Reads the checkpoint.
     *
     * @throws InvalidOptionException if there is no backbone in it
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
