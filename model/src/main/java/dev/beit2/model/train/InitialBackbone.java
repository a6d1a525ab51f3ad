package dev.beit2.model.train;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import ai.djl.ndarray.types.Shape;
import dev.beit2.model.checkpoint.InvalidCheckpointException;
import dev.beit2.model.checkpoint.Layout;
import dev.beit2.model.checkpoint.ModelMetadata;
import dev.beit2.model.checkpoint.Safetensors;
import dev.beit2.model.checkpoint.SafetensorsHeader;
import dev.beit2.model.checkpoint.TensorType;
import dev.beit2.model.eval.Backbone;
import dev.beit2.model.eval.Network;
import dev.beit2.model.torch.StateDict;
import dev.beit2.model.vit.RelativePosition;
import dev.beit2.model.vit.VitConfig;
import dev.beit2.model.vit.VitConfig.Positions;
import java.io.IOException;
import java.nio.channels.ReadableByteChannel;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.function.Predicate;
import javax.annotation.Nullable;

/**
 * What a classifier or a segmenter begins with of another model's file (official {@code
 * run_class_finetuning.py}, and the segmentation's {@code load_checkpoint}).
 *
 * <p>The whole transformer is taken. Each block gets a copy of the relative positions that all
 * blocks of a pretrained model share, or its own of a classifier, resized if the images have
 * another size. A classifier's head and the norm before it are taken where the file has them in the
 * same shape, and start fresh elsewhere: the norm of a pretrained model is not that of averaged
 * patches. A segmenter's heads start fresh.
 *
 * @param <C> the config's type
 * @param network the config of the classifier or segmenter
 * @param taken the tensors of the file that are taken
 * @param fresh names of the network's tensors that are not in the file
 * @param unused names of the file's tensors that are not in the network
 * @param greyRange of the file; see {@link ModelMetadata#greyRange}
 */
public record InitialBackbone<C extends Record>(
    C network, Layout taken, List<String> fresh, List<String> unused, @Nullable String greyRange) {
  private static final String TABLE = "relative_position_bias_table";
  private static final String INDEX = "relative_position_index";
  private static final String SHARED_TABLE = "rel_pos_bias." + TABLE;

  private static final List<String> MAY_START_FRESH =
      List.of("head.", "fc_norm.", "norm.", "backbone.fpn", "decode_head.", "auxiliary_head.");

  /** A spline needs 4 distances, and a window of 3 patches has 5. */
  private static final int SMALLEST_GRID = 3;

  /** Copies the lists. */
  public InitialBackbone {
    fresh = List.copyOf(fresh);
    unused = List.copyOf(unused);
  }

  /** Decides on the network, given the transformer of a file. */
  public interface Fitting<C extends Record> {
    /** A network whose transformer differs at most in its positions, input and drop path. */
    C network(VitConfig backbone);
  }

  /**
   * Reads a file and checks all that is taken, in a small buffer.
   *
   * @throws InvalidCheckpointException if the file does not fit
   */
  public static <C extends Record> InitialBackbone<C> check(
      ReadableByteChannel model, Fitting<C> fitting) throws IOException {
    SafetensorsHeader header =
        Safetensors.checkSome(model, found -> of(network(found, fitting), found).taken());
    return of(network(header, fitting), header);
  }

  private static <C extends Record> C network(SafetensorsHeader file, Fitting<C> fitting)
      throws InvalidCheckpointException {
    return fitting.network(Backbone.network(file.metadata()).transformer());
  }

  /**
   * What is taken of a file with this header.
   *
   * @throws InvalidCheckpointException if it is not exactly a masked image model's or a
   *     classifier's file, its transformer is another one, or its positions cannot be used
   */
  static <C extends Record> InitialBackbone<C> of(C network, SafetensorsHeader file)
      throws InvalidCheckpointException {
    Network target = Network.of(network);
    Layout found = Backbone.network(file.metadata()).layout();
    found.require(file.types());
    requirePositions(Backbone.network(file.metadata()).transformer(), target.transformer());
    Map<String, Layout.Tensor> taken = new LinkedHashMap<>();
    List<String> fresh = new ArrayList<>();
    for (Map.Entry<String, Layout.Tensor> wanted : target.layout().tensors().entrySet()) {
      String name = wanted.getKey();
      String source = source(target, name, found.tensors()::containsKey);
      TensorType type = source == null ? null : found.tensors().get(source).type();
      if (name.endsWith(INDEX)) {
        continue; // follows from the size of the images
      }
      if (name.endsWith(TABLE) || wanted.getValue().type().equals(type)) {
        taken.put(source, found.tensors().get(source));
      } else if (MAY_START_FRESH.stream().anyMatch(name::startsWith)) {
        fresh.add(name);
      } else {
        throw new InvalidCheckpointException(
            "found %s %s; wanted %s".formatted(name, type, wanted.getValue().type()));
      }
    }
    List<String> unused =
        file.types().keySet().stream()
            .filter(name -> !taken.containsKey(name) && !name.endsWith(INDEX))
            .toList();
    return new InitialBackbone<>(
        network, new Layout(taken), fresh, unused, ModelMetadata.of(file.metadata()).greyRange());
  }

  private static void requirePositions(VitConfig file, VitConfig network)
      throws InvalidCheckpointException {
    if (file.positions() == Positions.ABSOLUTE) {
      throw new InvalidCheckpointException("found absolute positions; wanted relative ones");
    }
    if (file.grid() != network.grid() && file.grid() < SMALLEST_GRID) {
      throw new InvalidCheckpointException(
          "found positions of %d x %d patches; wanted at least %d x %d, so that they can be resized"
              .formatted(file.grid(), file.grid(), SMALLEST_GRID, SMALLEST_GRID));
    }
  }

  /** The tensor of a file that one of the network begins with; null if there is none. */
  @Nullable
  private static String source(Network network, String name, Predicate<String> inFile) {
    String ofFile =
        name.startsWith(network.prefix()) ? name.substring(network.prefix().length()) : name;
    if (inFile.test(ofFile)) {
      return ofFile;
    }
    return name.endsWith(TABLE) ? SHARED_TABLE : null;
  }

  /**
   * A network's initial values, made of the tensors of a file that are {@link #taken}; the caller
   * closes them.
   *
   * @param file with these tensors, some of which then belong to the result
   */
  static StateDict values(Record config, StateDict file) {
    Network network = Network.of(config);
    int grid = network.transformer().grid();
    StateDict values = new StateDict();
    for (String name : network.layout().tensors().keySet()) {
      String source = source(network, name, file::contains);
      if (source != null && name.endsWith(TABLE)) {
        values.put(name, table(values.manager(), file.get(source), grid));
      } else if (source != null) {
        values.put(name, file.get(source));
      }
    }
    return values;
  }

  private static NDArray table(NDManager manager, NDArray table, int toGrid) {
    Shape shape = table.getShape();
    int heads = (int) shape.get(1);
    int grid = (int) Math.round((Math.sqrt(shape.get(0) - 3.0) + 1) / 2);
    float[] resized = RelativePosition.resize(table.toFloatArray(), heads, grid, toGrid);
    return manager.create(resized, new Shape(resized.length / heads, heads));
  }

  /** One line for people. */
  public String description() {
    return InitialValues.description(List.copyOf(taken.tensors().keySet()), fresh, unused);
  }
}
