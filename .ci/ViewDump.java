import dev.beit2.io.image.DecodingLimits;
import dev.beit2.io.image.EncodedImage;
import dev.beit2.io.shard.CodePacking;
import dev.beit2.io.shard.EncodedView;
import dev.beit2.io.shard.MimExample;
import dev.beit2.io.shard.MimShards;
import dev.beit2.io.shard.ShardMetadata;
import java.security.MessageDigest;
import java.util.Arrays;
import java.util.HexFormat;

/**
 * Prints key, view number, codes and the pixels' SHA-256 of each view of a set: what .ci/recipes.py
 * has to find.
 */
final class ViewDump {
  public static void main(String[] args) throws Exception {
    MimShards shards = MimShards.open(args[0]);
    ShardMetadata metadata = shards.manifest().metadata();
    MimShards.Epoch rows = shards.epoch(0, 0);
    for (long position = 0; position < shards.examples(); position++) {
      MimExample row = rows.get(position);
      for (int i = 0; i < row.views().size(); i++) {
        EncodedView encoded = row.views().get(i);
        int[] codes =
            CodePacking.unpack(encoded.codes(), metadata.codesPerView(), metadata.codeBits());
        byte[] pixels =
            EncodedImage.open(row.jpeg(), DecodingLimits.DEFAULT)
                .render(encoded.view(), metadata.inputSize())
                .rgb();
        byte[] digest = MessageDigest.getInstance("SHA-256").digest(pixels);
        System.out.printf(
            "%s\t%d\t%s\t%s%n",
            row.key(), i, Arrays.toString(codes), HexFormat.of().formatHex(digest));
      }
    }
  }
}
