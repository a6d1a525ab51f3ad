package dev.beit2.pipelines.run;

import dev.beit2.io.InvalidInputException;
import dev.beit2.io.store.Hold;
import dev.beit2.pipelines.cli.InvalidOptionException;
import java.io.IOException;

/** The folder of {@code --output}. */
public final class OutputFolder {
  private OutputFolder() {}

  /**
   * Keeps other starts out of the folder until the hold is closed or this process ends.
   *
   * @throws InvalidOptionException if another start holds it, naming its process
   */
  public static Hold hold(String output) throws IOException {
    try {
      return Hold.take(output);
    } catch (InvalidInputException e) {
      throw new InvalidOptionException("--output=" + output, e.found(), e.wanted());
    }
  }
}
