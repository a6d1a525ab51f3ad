package dev.beit2.model.export;

import ai.djl.ndarray.NDArray;
import dev.beit2.model.checkpoint.ModelMetadata;
import dev.beit2.model.checkpoint.Safetensors;
import dev.beit2.model.eval.ClassifierConfig;
import dev.beit2.model.mim.MimConfig;
import dev.beit2.model.tokenizer.VqKdConfig;
import dev.beit2.model.vit.VitConfig;
import dev.beit2.model.vit.VitConfig.Positions;
import java.io.IOException;
import java.nio.channels.FileChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.StandardOpenOption;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;

/**
 * A network of the reference vectors as a checkpoint: the official code's parameters, inputs and
 * outputs, and the source model that an export starts from.
 *
 * @param vectors of the file
 * @param checkpoint its open file
 * @param model read from it
 */
record Golden(Safetensors vectors, FileChannel checkpoint, SourceModel model)
    implements AutoCloseable {
  /** 64 × 64 pixels, 4 blocks of width 48 in 3 heads, 64 codes, shared head. */
  static Golden mim(Path folder) throws IOException {
    return of(
        folder,
        "mim_cls_shared",
        "mim",
        new MimConfig(vit(4, Positions.SHARED_RELATIVE), 64, 2, 2, true));
  }

  /** Patch aggregation has a norm and a head of its own. */
  static Golden separateHead(Path folder) throws IOException {
    VitConfig backbone = new VitConfig(64, 16, 3, 48, 3, 4, 4, Positions.SHARED_RELATIVE, 1e-5, 0);
    return of(folder, "mim_cls_separate_head", "mim", new MimConfig(backbone, 50, 1, 1, false));
  }

  /** 64 × 64 pixels, 3 blocks of width 48 in 3 heads, 10 classes, mean pooling. */
  static Golden classifier(Path folder) throws IOException {
    return of(
        folder,
        "finetune",
        "classifier",
        new ClassifierConfig(vit(3, Positions.RELATIVE), 10, true));
  }

  /** 64 × 64 pixels, 3 blocks of width 48 and a decoder of one. */
  static Golden vqkd(Path folder) throws IOException {
    VitConfig encoder = vit(3, Positions.ABSOLUTE).withLayerScale(0);
    return of(
        folder,
        "vqkd",
        "vqkd",
        new VqKdConfig(encoder, encoder.withInput(4, 1, 32).withDepth(1), 96, 32, 40, 0.99, 1, 0));
  }

  private static VitConfig vit(int depth, Positions positions) {
    return new VitConfig(64, 16, 3, 48, depth, 3, 4, positions, 0.1, 0);
  }

  private static Golden of(Path folder, String name, String kind, Record config)
      throws IOException {
    Safetensors vectors;
    try (FileChannel in =
        FileChannel.open(Path.of("src/test/resources/reference", name + ".safetensors"))) {
      vectors = Safetensors.read(in);
    }
    Path file = folder.resolve("model.safetensors");
    Files.deleteIfExists(file);
    try (FileChannel out =
        FileChannel.open(file, StandardOpenOption.CREATE, StandardOpenOption.WRITE)) {
      Safetensors.write(out, ModelMetadata.of(kind, config).toMap(), parameters(vectors));
    }
    FileChannel checkpoint = FileChannel.open(file);
    return new Golden(vectors, checkpoint, SourceModel.open(checkpoint));
  }

  private static Map<String, NDArray> parameters(Safetensors vectors) {
    return vectors.under("param.");
  }

  /** Values and shapes of the official parameters by name. */
  Map<String, NDArray> parameters() {
    return parameters(vectors);
  }

  /** Writes the files of an export into a folder. */
  static Map<String, Path> write(Export export, Path folder) throws IOException {
    Map<String, Path> files = new LinkedHashMap<>();
    for (ExportedFile file : export.files()) {
      Path path = folder.resolve(file.name());
      try (FileChannel out =
          FileChannel.open(path, StandardOpenOption.CREATE_NEW, StandardOpenOption.WRITE)) {
        file.content().write(out);
      }
      files.put(file.name(), path);
    }
    return files;
  }

  /** The tensors of a safetensors file; the caller closes it. */
  static Safetensors read(Path file) throws IOException {
    try (FileChannel in = FileChannel.open(file)) {
      return Safetensors.read(in);
    }
  }

  /** A file's tensors as {@code NAME [SHAPE]}, sorted. */
  static List<String> shapes(Safetensors file) {
    return file.tensors().tensors().entrySet().stream()
        .map(t -> t.getKey() + " " + Arrays.toString(t.getValue().getShape().getShape()))
        .sorted()
        .toList();
  }

  /** The tensors that the tool's own network has, as it lists them: see .ci/interop. */
  static List<String> wanted(String network) throws IOException {
    return Files.readAllLines(Path.of("src/test/resources/export", network + ".txt"));
  }

  @Override
  public void close() throws IOException {
    checkpoint.close();
    vectors.close();
  }
}
