package dev.beit2.model.teacher;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import dev.beit2.model.checkpoint.WeightsFile;
import dev.beit2.model.torch.Kernels;
import dev.beit2.model.torch.Normalization;
import dev.beit2.model.torch.StateDict;
import java.io.IOException;
import java.io.InputStream;
import java.nio.channels.SeekableByteChannel;
import java.util.List;
import java.util.Map;

/**
 * The teacher of a tokenizer: it computes features of each patch, which the tokenizer has to
 * predict from its codes.
 */
public interface Teacher extends AutoCloseable {
  /** Width of a feature. */
  int dimension();

  /** Side of its input images in pixels; 0 if it takes any. */
  default int imageSize() {
    return 0;
  }

  /** Patches along a side; 0 if they follow from the images. */
  default int grid() {
    return 0;
  }

  /** images [B, 3, S, S] in [0, 1] of {@link #imageSize} → features [B, N, {@link #dimension}]. */
  NDArray features(NDManager manager, NDArray images);

  @Override
  void close();

  /** Side of the cells of {@link #hog} in pixels. */
  int HOG_CELL = 8;

  /**
   * Width of the features of {@link #hog}.
   *
   * @param patchSize side of a patch in pixels, a multiple of 8
   */
  static int hogDimension(int patchSize) {
    return HogTeacher.dimension(patchSize);
  }

  /**
   * Histograms of oriented gradients (MaskFeat, arXiv 2112.09133): 9 unsigned orientations of each
   * 8 × 8 cell and colour. Needs no weights.
   *
   * @param patchSize a multiple of 8
   */
  static Teacher hog(Kernels kernels, int patchSize) {
    return new HogTeacher(kernels, patchSize);
  }

  /**
   * CLIP's image encoder (arXiv 2103.00020): patch tokens in the space shared with text.
   *
   * @param weights under CLIP's own names, {@code visual.…}; closed with the teacher
   * @param heads attention heads: width / 64 in CLIP's own models
   */
  static Teacher clip(Kernels kernels, StateDict weights, int heads) {
    return new ClipTeacher(kernels, weights, heads);
  }

  /**
   * DINO's vision transformer (arXiv 2104.14294): normalized patch tokens.
   *
   * @param weights under DINO's own names; closed with the teacher
   * @param heads attention heads: width / 64 in DINO's own models
   */
  static Teacher dino(Kernels kernels, StateDict weights, int heads) {
    return new DinoTeacher(kernels, weights, heads);
  }

  /**
   * CLIP's image encoder from a file of OpenAI, OpenCLIP or Hugging Face.
   *
   * @param file closed before this returns
   * @param beside the texts of {@link #BESIDE_CLIP}, by name, where they are beside the file
   * @throws dev.beit2.model.checkpoint.InvalidCheckpointException if it is none, or its activation
   *     is not QuickGELU
   */
  static Teacher clip(Kernels kernels, SeekableByteChannel file, Map<String, String> beside)
      throws IOException {
    try (file) {
      StateDict weights = ClipFile.read(WeightsFile.read(file), beside);
      weights.convert(kernels, name -> name.contains(".resblocks."));
      return clip(kernels, weights, heads(weights.get("visual.class_embedding")));
    }
  }

  /** Files that say which activation a CLIP has. */
  List<String> BESIDE_CLIP = List.of("config.json", "open_clip_config.json");

  /**
   * DINO's vision transformer from a file of its authors or of Hugging Face.
   *
   * @param file closed before this returns
   * @throws dev.beit2.model.checkpoint.InvalidCheckpointException if it is none
   */
  static Teacher dino(Kernels kernels, SeekableByteChannel file) throws IOException {
    try (file) {
      StateDict weights = DinoFile.read(WeightsFile.read(file));
      weights.convert(kernels, name -> name.startsWith("blocks."));
      return dino(kernels, weights, heads(weights.get("cls_token")));
    }
  }

  /** All of CLIP's and DINO's networks have heads of 64 values. */
  private static int heads(NDArray vector) {
    return Math.max(1, (int) vector.size() / 64);
  }

  /**
   * Any TorchScript program that makes features [B, N, D] of images [B, 3, S, S]. It computes in
   * its own precision.
   *
   * @param program its archive
   * @param input what it expects of images
   * @throws IOException if PyTorch cannot load it, or it makes something else
   */
  static Teacher torchScript(Kernels kernels, InputStream program, Normalization input)
      throws IOException {
    return ScriptTeacher.read(kernels, program, input);
  }

  /** A teacher that resizes images of another size before it computes their features. */
  static Teacher resizing(Kernels kernels, Teacher teacher) {
    return new ResizingTeacher(kernels, teacher);
  }

  /**
   * A teacher that others use, too: closing it only calls {@code release}.
   *
   * @param release gives up the use of {@code teacher}
   */
  static Teacher shared(Teacher teacher, Runnable release) {
    return new SharedTeacher(teacher, release);
  }
}
