package dev.beit2.io.shard;

import dev.beit2.io.image.View;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import javax.annotation.Nullable;

/** Checks rows against the metadata of their set. Not thread-safe. */
final class RowCheck {
  private final ShardMetadata metadata;
  @Nullable private final long[] codeCounts;
  private final boolean anyCode;

  private RowCheck(ShardMetadata metadata, @Nullable long[] codeCounts) {
    this.metadata = metadata;
    this.codeCounts = codeCounts;
    this.anyCode = metadata.codebookSize() == 1L << metadata.codeBits();
  }

  static RowCheck of(ShardMetadata metadata) {
    return new RowCheck(metadata, null);
  }

  /**
   * @param codeCounts [codebookSize], to which the codes of the rows are added
   */
  static RowCheck counting(ShardMetadata metadata, long[] codeCounts) {
    return new RowCheck(metadata, codeCounts);
  }

  /** What is wrong with a row, or nothing. */
  Optional<String> fault(MimExample row) {
    List<String> faults = faults(row);
    return faults.isEmpty() ? Optional.empty() : Optional.of(faults.get(0));
  }

  /** All that is wrong with a row, such as {@code without image bytes}. */
  List<String> faults(MimExample row) {
    List<String> faults = new ArrayList<>(0);
    if (row.jpeg().length == 0) {
      faults.add("without image bytes");
    }
    if (row.views().size() != metadata.views()) {
      faults.add("without the " + metadata.views() + " views");
    }
    for (EncodedView view : row.views()) {
      if (!isInside(view.view(), row)) {
        faults.add("with a view outside the image");
      }
      if (view.codes().length != metadata.packedCodesLength()) {
        faults.add("with codes of another length");
      } else if (!inCodebook(view.codes())) {
        faults.add("with a code outside the codebook of " + metadata.codebookSize());
      }
    }
    return faults;
  }

  private static boolean isInside(View view, MimExample row) {
    return view.width() <= row.width() - view.left() && view.height() <= row.height() - view.top();
  }

  private boolean inCodebook(byte[] packed) {
    if (anyCode && codeCounts == null) {
      return true;
    }
    boolean good = true;
    for (int code : CodePacking.unpack(packed, metadata.codesPerView(), metadata.codeBits())) {
      if (code >= metadata.codebookSize()) {
        good = false;
      } else if (codeCounts != null) {
        codeCounts[code]++;
      }
    }
    return good;
  }
}
