package dev.beit2.model.export;

import dev.beit2.model.checkpoint.InvalidCheckpointException;
import dev.beit2.model.checkpoint.Layout;
import dev.beit2.model.checkpoint.ModelMetadata;
import dev.beit2.model.eval.Classifier;
import dev.beit2.model.eval.ClassifierConfig;
import dev.beit2.model.mim.MaskedImageModel;
import dev.beit2.model.mim.MimConfig;
import dev.beit2.model.tokenizer.VqKd;
import dev.beit2.model.tokenizer.VqKdConfig;
import java.util.Map;
import java.util.function.Function;

/** The networks that can be exported, by the {@code kind} in their files' metadata. */
public enum NetworkKind {
  MIM("mim", "a masked image model", MimConfig.class, MaskedImageModel::layout),
  VQKD("vqkd", "a tokenizer", VqKdConfig.class, VqKd::layout),
  CLASSIFIER("classifier", "a classifier", ClassifierConfig.class, Classifier::layout);

  private final String word;
  private final String title;
  private final Class<? extends Record> configType;
  private final Function<Record, Layout> layout;

  <C extends Record> NetworkKind(
      String word, String title, Class<C> configType, Function<C, Layout> layout) {
    this.word = word;
    this.title = title;
    this.configType = configType;
    this.layout = config -> layout.apply(configType.cast(config));
  }

  /** For people: {@code a tokenizer}. */
  public String title() {
    return title;
  }

  static NetworkKind of(Map<String, String> metadata) throws InvalidCheckpointException {
    String found = ModelMetadata.of(metadata).kind();
    for (NetworkKind kind : values()) {
      if (kind.word.equals(found)) {
        return kind;
      }
    }
    throw InvalidCheckpointException.kind(found, "mim, vqkd or classifier");
  }

  Record config(Map<String, String> metadata) throws InvalidCheckpointException {
    return ModelMetadata.of(metadata).config(word, title, configType);
  }

  Layout layout(Record config) {
    return layout.apply(config);
  }
}
