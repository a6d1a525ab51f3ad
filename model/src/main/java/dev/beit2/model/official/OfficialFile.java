package dev.beit2.model.official;

import dev.beit2.model.checkpoint.InvalidCheckpointException;
import dev.beit2.model.checkpoint.WeightsFile;
import dev.beit2.model.checkpoint.WeightsFile.Source;
import dev.beit2.model.eval.Network;
import java.io.IOException;
import java.nio.channels.ReadableByteChannel;
import java.nio.channels.SeekableByteChannel;

/** A model's file, which may be one of the official code. */
public final class OfficialFile {
  private OfficialFile() {}

  /**
   * The {@code model.safetensors} that a file is or becomes. What it is, is told by its content. An
   * official file is converted while the result is read; the same tensors give the same bytes,
   * whatever their container and type. Closing the result closes the file.
   *
   * @throws InvalidCheckpointException if it is a file of PyTorch, but not one of an official
   *     network
   */
  public static ReadableByteChannel asSafetensors(SeekableByteChannel file) throws IOException {
    if (!WeightsFile.isOfTorch(file)) {
      return file.position(0);
    }
    WeightsFile weights = WeightsFile.read(file);
    Network network = OfficialNetwork.of(weights.tensors());
    return weights.asSafetensors(
        network.metadata().toMap(), network.layout(), Source::of, OfficialNetwork::ignores);
  }
}
