package dev.beit2.io.shard;

import static java.util.Objects.requireNonNull;

import dev.beit2.io.image.GreyRange;
import java.io.Serializable;
import javax.annotation.Nullable;

/**
 * Metadata of a whole set of shards.
 *
 * @param tokenizerDigest the digest of the tokenizer that computed the codes
 * @param codebookSize codes are in [0, codebookSize)
 * @param grid patches per side: a view has grid² codes
 * @param inputSize pixels per side of the tokenizer's input, a multiple of {@code grid}
 * @param views the number of views per image
 * @param seed the seed of the views and of the order of rows
 * @param precision of the arithmetic that computed the codes, such as {@code bf16}; null if
 *     unknown, as in sets from before it was recorded
 * @param greyRange by which grey images of 16 bits became pixels; null for all values, or those of
 *     a PNG's significant bits
 */
public record ShardMetadata(
    String tokenizerDigest,
    int codebookSize,
    int grid,
    int inputSize,
    int views,
    long seed,
    @Nullable String precision,
    @Nullable GreyRange greyRange)
    implements Serializable { // configuration of a transform, which Beam serializes; no data
  private static final int MOST_CODES = 1 << 24;
  private static final int LARGEST_GRID = 1 << 8;
  private static final int MOST_PIXELS = 1 << 16;
  private static final int MOST_VIEWS = 1_000_000;

  public ShardMetadata {
    requireNonNull(tokenizerDigest, "tokenizerDigest is null");
    require("codebookSize", codebookSize, MOST_CODES);
    require("grid", grid, LARGEST_GRID);
    require("inputSize", inputSize, MOST_PIXELS);
    require("views", views, MOST_VIEWS);
    if (inputSize % grid != 0) {
      throw new IllegalArgumentException(
          String.format("an input of %d pixels in %2$d x %2$d patches", inputSize, grid));
    }
  }

  private static void require(String name, int number, int most) {
    if (number < 1 || number > most) {
      throw new IllegalArgumentException(
          String.format("%s is %d, not in [1, %d]", name, number, most));
    }
  }

  /** Bits per code. */
  public int codeBits() {
    return CodePacking.bits(codebookSize);
  }

  /** Codes per view. */
  public int codesPerView() {
    return grid * grid;
  }

  /** Bytes per view, with packed codes. */
  int packedCodesLength() {
    return CodePacking.packedLength(codesPerView(), codeBits());
  }
}
