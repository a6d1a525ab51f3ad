package dev.beit2.model.train;

import static java.util.stream.Collectors.joining;

import dev.beit2.model.checkpoint.InvalidCheckpointException;
import dev.beit2.model.checkpoint.Layout;
import dev.beit2.model.checkpoint.Safetensors;
import dev.beit2.model.checkpoint.SafetensorsHeader;
import dev.beit2.model.checkpoint.TensorType;
import dev.beit2.model.eval.Backbone;
import dev.beit2.model.eval.Network;
import dev.beit2.model.mim.MaskedImageModel;
import dev.beit2.model.mim.MimConfig;
import java.io.IOException;
import java.nio.channels.ReadableByteChannel;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * Which tensors of another model's file a masked image model begins with.
 *
 * <p>The transformer must be the same. The heads, which predict codes, are taken where their shapes
 * agree, and start fresh elsewhere. A classifier has no mask token, no heads and, if it averages
 * patches, no norm. Its relative positions are those of each block, which no rule turns into the
 * table that all blocks share (the official code only copies in the other direction). All these
 * start fresh.
 *
 * @param taken the tensors that are taken
 * @param fresh names of the other tensors of the network
 * @param unused names of the other tensors of the file
 */
public record InitialValues(Layout taken, List<String> fresh, List<String> unused) {
  private static final List<String> HEADS = List.of("lm_head.", "cls_pt_");
  private static final List<String> OF_CLASSIFIERS = List.of("fc_norm.", "head.");
  private static final List<String> NOT_OF_CLASSIFIERS =
      List.of("mask_token", "norm.", "rel_pos_bias.");
  private static final String OWN_TABLE = ".attn.relative_position_";

  /** Copies the lists. */
  public InitialValues {
    fresh = List.copyOf(fresh);
    unused = List.copyOf(unused);
  }

  /**
   * Reads a file and checks all that is taken, in a small buffer.
   *
   * @throws InvalidCheckpointException if the file does not fit
   */
  public static InitialValues check(MimConfig network, ReadableByteChannel model)
      throws IOException {
    return of(network, Safetensors.checkSome(model, header -> of(network, header).taken()));
  }

  /**
   * The tensors of a file with this header.
   *
   * @throws InvalidCheckpointException if it is not exactly a masked image model's or a
   *     classifier's file, or its transformer is another one, naming the first difference
   */
  public static InitialValues of(MimConfig network, SafetensorsHeader file)
      throws InvalidCheckpointException {
    Network other = Backbone.network(file.metadata());
    other.layout().require(file.types());
    boolean classifier = other.kind() == Network.Kind.CLASSIFIER;
    Map<String, TensorType> found = new LinkedHashMap<>(file.types());
    Map<String, Layout.Tensor> taken = new LinkedHashMap<>();
    Map<String, Layout.Tensor> required = new LinkedHashMap<>();
    List<String> fresh = new ArrayList<>();
    MaskedImageModel.layout(network)
        .tensors()
        .forEach(
            (name, tensor) -> {
              if (tensor.type().equals(found.get(name))) {
                taken.put(name, tensor);
              } else if (mayStartFresh(name, found.containsKey(name), classifier)) {
                fresh.add(name);
              } else {
                required.put(name, tensor);
              }
            });
    required.putAll(taken);
    List<String> unused =
        found.keySet().stream()
            .filter(name -> !required.containsKey(name) && mayBeUnused(name, classifier))
            .toList();
    found.keySet().removeAll(unused);
    new Layout(required).require(found);
    return new InitialValues(new Layout(taken), fresh, unused);
  }

  private static boolean mayStartFresh(String name, boolean inFile, boolean classifier) {
    return startsWith(name, HEADS)
        || (classifier && !inFile && startsWith(name, NOT_OF_CLASSIFIERS));
  }

  private static boolean mayBeUnused(String name, boolean classifier) {
    return startsWith(name, HEADS)
        || (classifier && (startsWith(name, OF_CLASSIFIERS) || name.contains(OWN_TABLE)));
  }

  private static boolean startsWith(String name, List<String> prefixes) {
    return prefixes.stream().anyMatch(name::startsWith);
  }

  /** One line for people. */
  public String description() {
    return description(List.copyOf(taken.tensors().keySet()), fresh, unused);
  }

  static String description(List<String> taken, List<String> fresh, List<String> unused) {
    return "takes %d tensors (%s)%s%s"
        .formatted(
            taken.size(),
            groups(taken),
            fresh.isEmpty() ? "" : "; starts fresh: " + groups(fresh),
            unused.isEmpty() ? "" : "; does not use: " + groups(unused));
  }

  /** The parts of the network that tensors belong to. */
  private static String groups(List<String> names) {
    return names.stream()
        .map(name -> name.contains(OWN_TABLE) ? "blocks.*.attn.relative_position" : name)
        .map(
            name ->
                name.startsWith("blocks.*")
                    ? name
                    : name.replaceFirst("^(backbone\\.[a-z]+|[^.]+).*", "$1"))
        .distinct()
        .collect(joining(", "));
  }
}
