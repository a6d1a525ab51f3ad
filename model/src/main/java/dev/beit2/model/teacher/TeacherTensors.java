package dev.beit2.model.teacher;

import dev.beit2.model.checkpoint.InvalidCheckpointException;
import dev.beit2.model.checkpoint.Layout;
import dev.beit2.model.checkpoint.Safetensors;
import dev.beit2.model.checkpoint.TensorType;
import dev.beit2.model.checkpoint.WeightsFile;
import dev.beit2.model.checkpoint.WeightsFile.Source;
import dev.beit2.model.torch.StateDict;
import dev.beit2.model.vit.VitConfig;
import java.io.IOException;
import java.nio.channels.ReadableByteChannel;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Function;
import java.util.function.Predicate;
import java.util.stream.LongStream;

/**
 * The shapes of a teacher's file under the names of the network that is built.
 *
 * @param found type and shape of the file's tensors by their own names
 * @param sources the file's tensors that one of the network is made of
 */
record TeacherTensors(Map<String, TensorType> found, Function<String, Source> sources) {
  private static final int LARGEST_GRID = 64;

  /** Reads a network; the caller closes it. */
  static StateDict read(
      WeightsFile file, Layout layout, Function<String, Source> sources, Predicate<String> ignored)
      throws IOException {
    ReadableByteChannel in = file.asSafetensors(Map.of(), layout, sources, ignored);
    return Safetensors.read(in, metadata -> layout).tensors();
  }

  /**
   * The other name of a tensor.
   *
   * @param names of tensors, or of layers without {@code .weight} and {@code .bias}
   */
  static String renamed(Map<String, String> names, String name) {
    String whole = names.get(name);
    if (whole != null) {
      return whole;
    }
    int dot = name.lastIndexOf('.');
    return names.get(name.substring(0, dot)) + name.substring(dot);
  }

  /**
   * Size of a tensor in one of its dimensions.
   *
   * @throws InvalidCheckpointException if the file has no such tensor, naming it
   */
  long size(String name, int dimension) throws InvalidCheckpointException {
    Source source = sources.apply(name);
    String first = source.names().get(0);
    TensorType tensor = found.get(first);
    if (tensor == null) {
      throw new InvalidCheckpointException("found no tensor " + first);
    }
    int at = source.transposed() ? 1 - dimension : dimension;
    if (tensor.shape().size() <= Math.max(dimension, at) || at < 0) {
      throw new InvalidCheckpointException(
          "found %s %s; wanted one of more dimensions".formatted(first, tensor));
    }
    long size = tensor.shape().get(at);
    if (size < 1 || size > VitConfig.WIDEST) {
      throw new InvalidCheckpointException("found %s %s".formatted(first, tensor));
    }
    return size;
  }

  /** The number of tokens of a table of positions: [CLS] and a square of patches. */
  long tokens(String name, int dimension) throws InvalidCheckpointException {
    long tokens = size(name, dimension);
    long grid = Math.round(Math.sqrt(tokens - 1.0));
    if (grid < 1 || grid > LARGEST_GRID || grid * grid + 1 != tokens) {
      throw new InvalidCheckpointException(
          "found %s of %d tokens; wanted [CLS] and a square of at most %d x %d patches"
              .formatted(sources.apply(name).names().get(0), tokens, LARGEST_GRID, LARGEST_GRID));
    }
    return tokens;
  }

  /** How many blocks there are, from 0 on; at least one. */
  int count(String prefix, String tensor) {
    int count = 0;
    while (count < VitConfig.DEEPEST
        && found.containsKey(sources.apply(prefix + count + tensor).names().get(0))) {
      count++;
    }
    return Math.max(1, count);
  }

  /** Collects the tensors of a layout. */
  static final class LayoutBuilder {
    private final Map<String, Layout.Tensor> tensors = new LinkedHashMap<>();

    LayoutBuilder add(String name, long... shape) {
      List<Long> sizes = LongStream.of(shape).boxed().toList();
      tensors.put(name, Layout.Tensor.floats(sizes, true));
      return this;
    }

    LayoutBuilder norm(String name, long dim) {
      return add(name + ".weight", dim).add(name + ".bias", dim);
    }

    LayoutBuilder linear(String name, long out, long in) {
      return add(name + ".weight", out, in).add(name + ".bias", out);
    }

    Layout build() {
      return new Layout(tensors);
    }
  }
}
