package dev.beit2.pipelines.options;

import dev.beit2.model.checkpoint.Sha256Channel;
import dev.beit2.model.train.InitialBackbone;
import dev.beit2.pipelines.cli.InvalidOptionException;
import java.io.IOException;
import java.io.Serializable;
import javax.annotation.Nullable;

/**
 * The model whose transformer is trained further: option {@code --backbone}.
 *
 * @param <C> the type of the network's config
 * @param file its path
 * @param digest SHA-256 of the {@code model.safetensors} that it is or becomes
 * @param network the config of the network that it becomes
 * @param description what the run takes of it, for people
 * @param greyRange with which it was trained; null if its file does not say so
 */
public record PretrainedBackbone<C extends Record & Serializable>(
    String file, String digest, C network, String description, @Nullable String greyRange)
    implements Serializable {
  private static final long serialVersionUID = 1L;
  private static final String OPTION = "--backbone";

  /**
   * Reads the model and checks all that is taken.
   *
   * @param path as the option has it
   * @throws InvalidOptionException if there is no model, or it cannot be trained like this
   */
  public static <C extends Record & Serializable> PretrainedBackbone<C> read(
      String path, InitialBackbone.Fitting<C> fitting) throws IOException {
    String file = Inputs.modelFile(OPTION, path).path();
    return Inputs.model(
        OPTION,
        file,
        in -> {
          Sha256Channel measured = new Sha256Channel(in);
          InitialBackbone<C> initial = InitialBackbone.check(measured, fitting);
          return new PretrainedBackbone<>(
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
   * @param replacing reads the file and returns its digest, as a trainer's {@code initializeFrom}
   * @throws InvalidOptionException if the model has changed since the run was planned
   */
  public void initialize(Inputs.ModelReader<String> replacing) throws IOException {
    String found = Inputs.model(OPTION, file, replacing);
    if (!found.equals(digest)) {
      throw new InvalidOptionException(
          OPTION + "=" + file, "digest " + found, digest + ", as when the run was planned");
    }
  }
}
