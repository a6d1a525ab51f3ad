package dev.beit2.model.vit;

import static java.util.Objects.requireNonNull;

import java.io.Serializable;

/**
 * The shape of a vision transformer. Images and patches are square.
 *
 * @param imageSize side of the input in pixels
 * @param patchSize side of a patch in pixels
 * @param channels channels of the input
 * @param dim width of a token, D
 * @param depth transformer blocks
 * @param heads attention heads; a divisor of {@code dim}
 * @param mlpRatio width of the MLP over {@code dim}
 * @param positions how positions are encoded
 * @param layerScale initial value of layer scale; 0 means no layer scale
 * @param dropPath stochastic depth's rate in the last block, growing linearly from 0 in the first
 */
public record VitConfig(
    int imageSize,
    int patchSize,
    int channels,
    int dim,
    int depth,
    int heads,
    double mlpRatio,
    Positions positions,
    double layerScale,
    double dropPath)
    implements Serializable {
  private static final long serialVersionUID = 1L;

  /** The widest layer that is in reason: more is a mistake, or a broken file. */
  public static final int WIDEST = 1 << 16;

  /** The most layers that are in reason. */
  public static final int DEEPEST = 1 << 10;

  /** The largest codebook or vocabulary that is in reason. */
  public static final int MOST_CODES = 1 << 24;

  private static final int MOST_PIXELS = 1 << 16;
  private static final int LARGEST_GRID = 1 << 8;

  /** How positions are encoded. */
  public enum Positions {
    /** A learned vector is added to each token. */
    ABSOLUTE,
    /** One relative position bias for all blocks. */
    SHARED_RELATIVE,
    /** A relative position bias in each block. */
    RELATIVE
  }

  /**
   * Checks that the sizes are in reason and fit together.
   *
   * @throws IllegalArgumentException if they are not
   */
  public VitConfig {
    requireSize("imageSize", imageSize, MOST_PIXELS);
    requireSize("patchSize", patchSize, MOST_PIXELS);
    requireSize("channels", channels, WIDEST);
    requireSize("dim", dim, WIDEST);
    requireSize("depth", depth, DEEPEST);
    requireSize("heads", heads, WIDEST);
    requireNonNull(positions, "positions is null");
    if (imageSize % patchSize != 0 || dim % heads != 0) {
      throw new IllegalArgumentException(
          "an image of %d pixels in patches of %d, width %d in %d heads do not fit"
              .formatted(imageSize, patchSize, dim, heads));
    }
    requireSize("imageSize / patchSize", imageSize / patchSize, LARGEST_GRID);
    requireNumber("mlpRatio", mlpRatio, 1.0 / dim, WIDEST);
    requireNumber("layerScale", layerScale, 0, Double.MAX_VALUE);
    requireNumber("dropPath", dropPath, 0, 1);
  }

  /**
   * Checks a size.
   *
   * @throws IllegalArgumentException if it is not in [1, largest], naming it
   */
  public static void requireSize(String name, int size, int largest) {
    if (size < 1 || size > largest) {
      throw new IllegalArgumentException("%s is %d, not in [1, %d]".formatted(name, size, largest));
    }
  }

  /**
   * Checks a number.
   *
   * @throws IllegalArgumentException if it is not in [least, most], naming it
   */
  public static void requireNumber(String name, double number, double least, double most) {
    if (!(number >= least && number <= most)) {
      throw new IllegalArgumentException(
          "%s is %s, not in [%s, %s]".formatted(name, number, least, most));
    }
  }

  /** Patches along a side. */
  public int grid() {
    return imageSize / patchSize;
  }

  /** Patches of an image, N. */
  public int patches() {
    return grid() * grid();
  }

  /** Width of the MLP's inner layer. */
  public int mlpDim() {
    return (int) (dim * mlpRatio);
  }

  /** A copy of another depth. */
  public VitConfig withDepth(int blocks) {
    return new VitConfig(
        imageSize,
        patchSize,
        channels,
        dim,
        blocks,
        heads,
        mlpRatio,
        positions,
        layerScale,
        dropPath);
  }

  /** A copy with another initial value of layer scale; 0 means no layer scale. */
  public VitConfig withLayerScale(double value) {
    return new VitConfig(
        imageSize, patchSize, channels, dim, depth, heads, mlpRatio, positions, value, dropPath);
  }

  /** A copy with another rate of stochastic depth. */
  public VitConfig withDropPath(double rate) {
    return new VitConfig(
        imageSize, patchSize, channels, dim, depth, heads, mlpRatio, positions, layerScale, rate);
  }

  /** A copy with another encoding of positions. */
  public VitConfig withPositions(Positions other) {
    return new VitConfig(
        imageSize, patchSize, channels, dim, depth, heads, mlpRatio, other, layerScale, dropPath);
  }

  /** A copy for images of another side, patch and number of channels. */
  public VitConfig withInput(int side, int patch, int inputChannels) {
    return new VitConfig(
        side, patch, inputChannels, dim, depth, heads, mlpRatio, positions, layerScale, dropPath);
  }
}
