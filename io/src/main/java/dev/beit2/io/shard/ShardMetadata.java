package dev.beit2.io.shard;

import static java.util.Objects.requireNonNull;

import java.io.Serializable;

/**
 * Metadata of a whole set of shards.
 *
 * @param tokenizerDigest the digest of the tokenizer that computed the codes
 * @param codebookSize codes are in [0, codebookSize)
 * @param grid patches per side: a view has grid² codes
 * @param inputSize pixels per side of the tokenizer's input
 * @param views the number of views per image
 * @param seed the seed of the views and of the order of rows
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
