package dev.beit2.pipelines.vqkd;

import dev.beit2.io.store.StoredFile;
import dev.beit2.model.teacher.Teacher;
import dev.beit2.model.torch.Kernels;
import dev.beit2.model.torch.Normalization;
import dev.beit2.model.torch.Precision;
import dev.beit2.model.torch.Torch;
import dev.beit2.pipelines.cli.InvalidOptionException;
import dev.beit2.pipelines.flink.FlinkTarget;
import dev.beit2.pipelines.jvm.SharedInJvm;
import dev.beit2.pipelines.options.Inputs;
import dev.beit2.pipelines.options.ScriptProgram;
import java.io.IOException;
import java.io.InputStream;
import java.io.Serializable;
import java.io.UncheckedIOException;
import java.nio.channels.Channels;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import javax.annotation.Nullable;

/**
 * The teacher that {@code --teacher} names.
 *
 * @param kind {@code hog}, {@code clip}, {@code dino} or {@code torchscript}
 * @param file its path; null for HOG
 * @param digest SHA-256 of the file; null for HOG
 * @param input what a TorchScript program expects of images; null for the others
 * @param patchSize of the tokenizer
 * @param precision of the training
 */
record TeacherSource(
    String kind,
    @Nullable String file,
    @Nullable String digest,
    @Nullable Normalization input,
    int patchSize,
    Precision precision)
    implements Serializable {
  private static final long serialVersionUID = 1L;
  private static final String HOG = "hog";
  private static final String CLIP = "clip";
  private static final String DINO = "dino";
  private static final String TORCHSCRIPT = ScriptProgram.KIND;
  private static final List<String> OF_FILES = List.of(CLIP, DINO, TORCHSCRIPT);
  private static final String WANTED = "hog, clip:FILE, dino:FILE or torchscript:FILE";

  /**
   * The source that options describe.
   *
   * @param given value of {@code --teacher}
   * @param patch side of the tokenizer's patches in pixels
   * @throws InvalidOptionException if the teacher is none, or its file cannot be read
   */
  static TeacherSource of(String given, TeacherOptions options, int patch) throws IOException {
    int colon = given.indexOf(':');
    String kind = colon < 0 ? given : given.substring(0, colon);
    String path = colon < 0 ? "" : given.substring(colon + 1);
    boolean known = kind.equals(HOG) ? colon < 0 : OF_FILES.contains(kind) && !path.isEmpty();
    if (!known) {
      throw new InvalidOptionException(option(given), given, WANTED);
    }
    if (!kind.equals(TORCHSCRIPT)) {
      refuseOfTorchScript("--teacherMean", options.getTeacherMean(), given);
      refuseOfTorchScript("--teacherStd", options.getTeacherStd(), given);
      refuseOfTorchScript("--teacherSize", options.getTeacherSize(), given);
    }
    if (kind.equals(HOG)) {
      requireCells(patch);
      return new TeacherSource(HOG, null, null, null, patch, options.getPrecision());
    }
    StoredFile file = new StoredFile(FlinkTarget.of(options).path(path));
    if (!file.exists()) {
      throw new InvalidOptionException(option(given), "no file " + path, "the teacher's file");
    }
    Normalization input =
        kind.equals(TORCHSCRIPT)
            ? new ScriptProgram("--teacher", file)
                .input(options.getTeacherMean(), options.getTeacherStd(), options.getTeacherSize())
            : null;
    return new TeacherSource(
        kind, file.path(), Inputs.digest(file), input, patch, options.getPrecision());
  }

  private static String option(String given) {
    return "--teacher=" + given;
  }

  private static void refuseOfTorchScript(String option, @Nullable Object value, String teacher) {
    if (value != null) {
      throw new InvalidOptionException(
          option + "=" + value, option(teacher), "--teacher=torchscript:FILE");
    }
  }

  private static void requireCells(int patch) {
    if (patch % Teacher.HOG_CELL != 0) {
      throw new InvalidOptionException(
          "--patchSize=" + patch,
          "--teacher=hog with cells of " + Teacher.HOG_CELL + " pixels",
          "a multiple of " + Teacher.HOG_CELL);
    }
  }

  /** The value for {@code config.json}: its content matters, not its path. */
  String configured() {
    return digest == null ? kind : kind + ":" + digest;
  }

  /**
   * Loads the teacher, once in this JVM and on each device; closing it releases it.
   *
   * @throws InvalidOptionException if the file is not such a teacher
   */
  Teacher open() throws IOException {
    SharedInJvm<Teacher> shared =
        SharedInJvm.acquire(Teacher.class, Map.entry(this, Torch.device()), this::load);
    return Teacher.shared(shared.get(), () -> release(shared));
  }

  private static void release(SharedInJvm<Teacher> shared) {
    try {
      shared.close();
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
  }

  private Teacher load() throws IOException {
    Kernels kernels = Kernels.of(precision);
    if (kind.equals(HOG)) {
      return Teacher.hog(kernels, patchSize);
    }
    StoredFile stored = new StoredFile(file);
    String found = Inputs.digest(stored);
    if (!found.equals(digest)) {
      throw new InvalidOptionException(
          option(kind + ":" + file), "digest " + found, digest + ", as when the run was planned");
    }
    try {
      return Teacher.resizing(kernels, read(kernels, stored));
    } catch (IOException | IllegalArgumentException e) {
      throw new InvalidOptionException(
          option(kind + ":" + file), e.getMessage(), "a teacher of this kind");
    }
  }

  private Teacher read(Kernels kernels, StoredFile stored) throws IOException {
    switch (kind) {
      case CLIP:
        return Teacher.clip(kernels, stored.openSeekable(), beside(stored));
      case DINO:
        return Teacher.dino(kernels, stored.openSeekable());
      default:
        try (InputStream in = Channels.newInputStream(stored.open())) {
          return Teacher.torchScript(kernels, in, input);
        }
    }
  }

  private static Map<String, String> beside(StoredFile file) throws IOException {
    String path = file.path();
    String folder = path.substring(0, path.lastIndexOf('/') + 1);
    Map<String, String> texts = new HashMap<>();
    for (String name : Teacher.BESIDE_CLIP) {
      StoredFile other = new StoredFile(folder + name);
      if (other.exists()) {
        texts.put(name, other.readText());
      }
    }
    return texts;
  }

  /**
   * Width of the teacher's features. Loads the teacher.
   *
   * @param grid patches along a side of the tokenizer's images
   * @throws InvalidOptionException if the file is not such a teacher, or the teacher has another
   *     grid
   */
  int dimension(int grid) throws IOException {
    try (Teacher teacher = open()) {
      if (teacher.grid() != 0 && teacher.grid() != grid) {
        throw new InvalidOptionException(
            option(kind + ":" + file),
            "%1$d x %1$d patches of an image of %2$d pixels"
                .formatted(teacher.grid(), teacher.imageSize()),
            "%1$d x %1$d, as --inputSize and --patchSize give".formatted(grid));
      }
      return teacher.dimension();
    }
  }
}
