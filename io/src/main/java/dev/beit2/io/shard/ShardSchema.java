package dev.beit2.io.shard;

import dev.beit2.io.image.View;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import org.apache.avro.Schema;
import org.apache.avro.SchemaBuilder;
import org.apache.avro.generic.GenericData;
import org.apache.avro.generic.GenericRecord;

/** The columns of a shard, and the conversion of examples to and from rows. */
final class ShardSchema {
  private static final Schema VIEW =
      SchemaBuilder.record("View")
          .namespace("dev.beit2")
          .fields()
          .requiredInt("left")
          .requiredInt("top")
          .requiredInt("width")
          .requiredInt("height")
          .requiredBoolean("flip")
          .requiredFloat("brightness")
          .requiredFloat("contrast")
          .requiredFloat("saturation")
          .requiredInt("jitter_order")
          .requiredBytes("codes")
          .endRecord();

  static final Schema EXAMPLE =
      SchemaBuilder.record("MimExample")
          .namespace("dev.beit2")
          .fields()
          .requiredString("key")
          .optionalInt("label")
          .requiredInt("width")
          .requiredInt("height")
          .requiredBytes("jpeg")
          .name("views")
          .type()
          .array()
          .items(VIEW)
          .noDefault()
          .endRecord();

  /** Parquet's names of the columns for which a dictionary and statistics are of no use. */
  static final String JPEG_COLUMN = "jpeg";

  static final String CODES_COLUMN = "views.list.element.codes";

  private ShardSchema() {}

  static GenericRecord toRow(MimExample example) {
    GenericRecord row = new GenericData.Record(EXAMPLE);
    row.put("key", example.key());
    row.put("label", example.label());
    row.put("width", example.width());
    row.put("height", example.height());
    row.put("jpeg", ByteBuffer.wrap(example.jpeg()));
    row.put("views", example.views().stream().map(ShardSchema::toRow).toList());
    return row;
  }

  private static GenericRecord toRow(EncodedView encoded) {
    View view = encoded.view();
    GenericRecord row = new GenericData.Record(VIEW);
    row.put("left", view.left());
    row.put("top", view.top());
    row.put("width", view.width());
    row.put("height", view.height());
    row.put("flip", view.flip());
    row.put("brightness", view.brightness());
    row.put("contrast", view.contrast());
    row.put("saturation", view.saturation());
    row.put("jitter_order", (int) view.jitterOrder());
    row.put("codes", ByteBuffer.wrap(encoded.codes()));
    return row;
  }

  static MimExample fromRow(GenericRecord row) {
    List<EncodedView> views = new ArrayList<>();
    for (Object view : (List<?>) row.get("views")) {
      views.add(viewFromRow((GenericRecord) view));
    }
    return new MimExample(
        row.get("key").toString(),
        (Integer) row.get("label"),
        (int) row.get("width"),
        (int) row.get("height"),
        bytes(row, "jpeg"),
        views);
  }

  private static EncodedView viewFromRow(GenericRecord row) {
    View view =
        new View(
            (int) row.get("left"),
            (int) row.get("top"),
            (int) row.get("width"),
            (int) row.get("height"),
            (boolean) row.get("flip"),
            (float) row.get("brightness"),
            (float) row.get("contrast"),
            (float) row.get("saturation"),
            (byte) (int) row.get("jitter_order"));
    return new EncodedView(view, bytes(row, "codes"));
  }

  private static byte[] bytes(GenericRecord row, String column) {
    ByteBuffer buffer = (ByteBuffer) row.get(column);
    byte[] bytes = new byte[buffer.remaining()];
    buffer.get(bytes);
    return bytes;
  }
}
