package dev.beit2.model.export;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.beit2.model.checkpoint.Safetensors;
import dev.beit2.model.checkpoint.SafetensorsHeader.Entry;
import dev.beit2.model.checkpoint.TensorType;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.WritableByteChannel;
import java.nio.charset.StandardCharsets;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * What a network becomes for another tool.
 *
 * @param files in the order in which they are written
 * @param input what the images must be, for people
 * @param library that loads them, as model cards name it
 * @param usage Python that loads them from the folder {@code DIR}, with the shapes of the results
 */
public record Export(List<ExportedFile> files, String input, String library, String usage) {
  /** PyTorch's tools refuse a safetensors file whose metadata lacks it. */
  static final Map<String, String> PYTORCH = Map.of("format", "pt");

  static final String NORMALIZED =
      "in [0, 1], then normalized with ImageNet's mean (0.485, 0.456, 0.406) and standard deviation (0.229, 0.224, 0.225)";

  private static final ObjectMapper MAPPER = new ObjectMapper();

  /** Copies the list. */
  public Export {
    files = List.copyOf(files);
  }

  /** A safetensors file of tensors of the model. */
  static ExportedFile safetensors(
      SourceModel model, Map<String, String> metadata, Map<String, Entry> tensors) {
    return new ExportedFile(
        "model.safetensors",
        out -> {
          Map<String, TensorType> types = new LinkedHashMap<>();
          tensors.forEach((name, tensor) -> types.put(name, tensor.type()));
          drain(out, Safetensors.layOut(metadata, types).bytes());
          for (Entry tensor : tensors.values()) {
            model.copy(tensor, bytes -> drain(out, bytes));
          }
        });
  }

  /** A JSON file. */
  static ExportedFile json(String name, Map<String, Object> content) {
    return new ExportedFile(
        name, out -> drain(out, ByteBuffer.wrap(pretty(content).getBytes(StandardCharsets.UTF_8))));
  }

  private static String pretty(Map<String, Object> content) {
    try {
      return MAPPER.writerWithDefaultPrettyPrinter().writeValueAsString(content) + "\n";
    } catch (JsonProcessingException e) {
      throw new IllegalArgumentException(e);
    }
  }

  static void drain(WritableByteChannel out, ByteBuffer bytes) throws IOException {
    while (bytes.hasRemaining()) {
      out.write(bytes);
    }
  }
}
