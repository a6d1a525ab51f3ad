package dev.beit2.pipelines.finetune;

import dev.beit2.model.checkpoint.Sha256Channel;
import dev.beit2.model.eval.ClassifierConfig;
import dev.beit2.model.train.FineTuningTrainer;
import dev.beit2.model.train.InitialBackbone;
import dev.beit2.pipelines.cli.InvalidOptionException;
import dev.beit2.pipelines.options.Inputs;
import java.io.IOException;
import java.io.Serializable;
import javax.annotation.Nullable;

/**
 * The model whose transformer is fine-tuned.
 *
 * @param file its path
 * @param digest SHA-256 of the {@code model.safetensors} that it is or becomes
 * @param network the classifier that it becomes
 * @param description what the run takes of it, for people
 * @param greyRange with which it was trained; null if its file does not say so
 */
record PretrainedBackbone(
    String file,
    String digest,
    ClassifierConfig network,
    String description,
    @Nullable String greyRange)
    implements Serializable {
  private static final long serialVersionUID = 1L;
  private static final String OPTION = "--backbone";

  /**
   * Reads the model and checks all that is taken.
   *
   * @param path as the option has it
   * @throws InvalidOptionException if there is no model, or it cannot be fine-tuned
   */
  static PretrainedBackbone read(String path, InitialBackbone.Fitting fitting) throws IOException {
    String file = Inputs.modelFile(OPTION, path).path();
    return Inputs.model(
        OPTION,
        file,
        in -> {
          Sha256Channel measured = new Sha256Channel(in);
          InitialBackbone initial = InitialBackbone.check(measured, fitting);
          return new PretrainedBackbone(
              file,
              measured.digest(),
              initial.network(),
              initial.description(),
              initial.greyRange());
        });
  }

  /**
   * Replaces initial values by those of the model.
   *
   * @throws InvalidOptionException if the model has changed since the run was planned
   */
  void initialize(FineTuningTrainer trainer) throws IOException {
    String found = Inputs.model(OPTION, file, trainer::initializeFrom);
    if (!found.equals(digest)) {
      throw new InvalidOptionException(
          OPTION + "=" + file, "digest " + found, digest + ", as when the run was planned");
    }
  }
}
