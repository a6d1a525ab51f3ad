package dev.beit2.io.shard;

import static java.util.Objects.requireNonNull;

import java.io.Serializable;

/**
 * What holds for a whole set of shards.
 *
 * @param tokenizerDigest of the tokenizer that made the codes
 * @param codebookSize codes are in [0, codebookSize)
 * @param grid patches a side: a view has grid² codes
 * @param inputSize pixels a side of the tokenizer's input
 * @param views an image has
 * @param seed of the views and of the rows' order
 */
public record ShardMetadata(
    String tokenizerDigest, int codebookSize, int grid, int inputSize, int views, long seed)
    implements Serializable { // configuration of a transform, which Beam serializes; no data
  public ShardMetadata {
    requireNonNull(tokenizerDigest, "tokenizerDigest is null");
    if (codebookSize < 1 || grid < 1 || inputSize < 1 || views < 1) {
      throw new IllegalArgumentException(
          String.format(
              "codebookSize %d, grid %d, inputSize %d, views %d: must be positive",
              codebookSize, grid, inputSize, views));
    }
  }

  /** Bits a code takes. */
  public int codeBits() {
    return CodePacking.bits(codebookSize);
  }

  /** Codes a view has. */
  public int codesPerView() {
    return grid * grid;
  }

  /** Bytes a view's packed codes take. */
  int packedCodesLength() {
    return CodePacking.packedLength(codesPerView(), codeBits());
  }
}
