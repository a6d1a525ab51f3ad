package dev.beit2.io.shard;

import static java.util.Objects.requireNonNull;

import dev.beit2.io.image.View;
import java.util.Arrays;

/**
 * A view and the codes of its patches.
 *
 * @param view the view that was encoded
 * @param codes the codes of its patches, row by row, packed by {@link CodePacking}; not to be
 *     changed
 */
@SuppressWarnings("ArrayRecordComponent") // see MimExample
public record EncodedView(View view, byte[] codes) {
  public EncodedView {
    requireNonNull(view, "view is null");
    requireNonNull(codes, "codes is null");
  }

  @Override
  public boolean equals(Object other) {
    return other instanceof EncodedView that
        && view.equals(that.view)
        && Arrays.equals(codes, that.codes);
  }

  @Override
  public int hashCode() {
    return 31 * view.hashCode() + Arrays.hashCode(codes);
  }
}
