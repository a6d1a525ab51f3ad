package dev.beit2.model.eval;

import dev.beit2.model.checkpoint.InvalidCheckpointException;
import dev.beit2.model.checkpoint.Layout;
import dev.beit2.model.checkpoint.ModelMetadata;
import dev.beit2.model.mim.MaskedImageModel;
import dev.beit2.model.mim.MimConfig;
import dev.beit2.model.segment.SegmenterConfig;
import dev.beit2.model.segment.UperNet;
import dev.beit2.model.tokenizer.VqKd;
import dev.beit2.model.tokenizer.VqKdConfig;
import dev.beit2.model.torch.StateDict;
import dev.beit2.model.vit.VitConfig;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.function.BiFunction;
import java.util.function.Function;
import java.util.stream.Collectors;

/**
 * The network that a model's file holds.
 *
 * @param kind what it is
 * @param config its shape, a record of the kind's type
 */
public record Network(Kind kind, Record config) {
  private static final List<Kind> KINDS = List.of(Kind.values());

  /** What a network is: the {@code kind} in its file's metadata. */
  public enum Kind {
    MIM(
        "mim",
        "a masked image model",
        MimConfig.class,
        MaskedImageModel::layout,
        MaskedImageModel::initialize,
        MimConfig::backbone,
        ""),
    VQKD(
        "vqkd",
        "a tokenizer",
        VqKdConfig.class,
        VqKd::layout,
        VqKd::initialize,
        VqKdConfig::encoder,
        "encoder."),
    CLASSIFIER(
        "classifier",
        "a classifier",
        ClassifierConfig.class,
        Classifier::layout,
        Classifier::initialize,
        ClassifierConfig::backbone,
        ""),
    SEGMENTER(
        "segmenter",
        "a segmenter",
        SegmenterConfig.class,
        UperNet::layout,
        UperNet::initialize,
        SegmenterConfig::backbone,
        UperNet.BACKBONE);

    private final String word;
    private final String title;
    private final Class<? extends Record> configType;
    private final Function<Record, Layout> layout;
    private final BiFunction<Record, Long, StateDict> initialize;
    private final Function<Record, VitConfig> transformer;
    private final String prefix;

    <C extends Record> Kind(
        String word,
        String title,
        Class<C> configType,
        Function<C, Layout> layout,
        BiFunction<C, Long, StateDict> initialize,
        Function<C, VitConfig> transformer,
        String prefix) {
      this.word = word;
      this.title = title;
      this.configType = configType;
      this.layout = config -> layout.apply(configType.cast(config));
      this.initialize = (config, seed) -> initialize.apply(configType.cast(config), seed);
      this.transformer = config -> transformer.apply(configType.cast(config));
      this.prefix = prefix;
    }

    /** For people: {@code a tokenizer}. */
    public String title() {
      return title;
    }
  }

  /**
   * The network of a config: a {@link MimConfig}, {@link VqKdConfig}, {@link ClassifierConfig} or
   * {@link SegmenterConfig}.
   */
  public static Network of(Record config) {
    return KINDS.stream()
        .filter(kind -> kind.configType.isInstance(config))
        .map(kind -> new Network(kind, config))
        .findFirst()
        .orElseThrow(() -> new IllegalArgumentException("no config of a network: " + config));
  }

  /**
   * The network of the file with this metadata.
   *
   * @param wanted the kinds that it may be
   * @throws InvalidCheckpointException if it is another one, or its config is broken
   */
  public static Network of(Map<String, String> metadata, Kind... wanted)
      throws InvalidCheckpointException {
    ModelMetadata model = ModelMetadata.of(metadata);
    for (Kind kind : wanted) {
      if (kind.word.equals(model.kind())) {
        return new Network(kind, model.config(kind.word, kind.title, kind.configType));
      }
    }
    throw InvalidCheckpointException.kind(
        model.kind(),
        Arrays.stream(wanted)
            .map(kind -> "%s (%s)".formatted(kind.title, kind.word))
            .collect(Collectors.joining(" or ")));
  }

  /** The metadata of its file. */
  public ModelMetadata metadata() {
    return ModelMetadata.of(kind.word, config);
  }

  /** The tensors of its file. */
  public Layout layout() {
    return kind.layout.apply(config);
  }

  /** Its initial values. */
  public StateDict initialize(long seed) {
    return kind.initialize.apply(config, seed);
  }

  /** Its transformer, of a tokenizer the encoder. */
  public VitConfig transformer() {
    return kind.transformer.apply(config);
  }

  /** The prefix of the names of its transformer's tensors, such as {@code encoder.}. */
  public String prefix() {
    return kind.prefix;
  }
}
