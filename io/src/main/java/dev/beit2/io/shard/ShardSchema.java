package dev.beit2.io.shard;

import dev.beit2.io.image.View;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import javax.annotation.Nullable;
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

  /**
   * The example of a row.
   *
   * @throws IllegalArgumentException if a value is missing, of another type or out of its range,
   *     naming its column
   */
  static MimExample fromRow(GenericRecord row) {
    List<EncodedView> views = new ArrayList<>();
    for (Object view : value(row, "views", List.class)) {
      if (!(view instanceof GenericRecord record)) {
        throw new IllegalArgumentException("a view is " + view);
      }
      views.add(viewFromRow(record));
    }
    return new MimExample(
        value(row, "key", CharSequence.class).toString(),
        optional(row, "label", Integer.class),
        value(row, "width", Integer.class),
        value(row, "height", Integer.class),
        bytes(row, "jpeg"),
        views);
  }

  private static EncodedView viewFromRow(GenericRecord row) {
    int jitterOrder = value(row, "jitter_order", Integer.class);
    View view =
        new View(
            value(row, "left", Integer.class),
            value(row, "top", Integer.class),
            value(row, "width", Integer.class),
            value(row, "height", Integer.class),
            value(row, "flip", Boolean.class),
            value(row, "brightness", Float.class),
            value(row, "contrast", Float.class),
            value(row, "saturation", Float.class),
            (byte) Math.max(-1, Math.min(jitterOrder, View.JITTER_ORDERS)));
    return new EncodedView(view, bytes(row, "codes"));
  }

  private static byte[] bytes(GenericRecord row, String column) {
    ByteBuffer buffer = value(row, column, ByteBuffer.class);
    byte[] bytes = new byte[buffer.remaining()];
    buffer.get(bytes);
    return bytes;
  }

  private static <T> T value(GenericRecord row, String column, Class<T> type) {
    T value = optional(row, column, type);
    if (value == null) {
      throw new IllegalArgumentException("column " + column + " is null");
    }
    return value;
  }

  @Nullable
  private static <T> T optional(GenericRecord row, String column, Class<T> type) {
    if (!row.hasField(column)) {
      throw new IllegalArgumentException("there is no column " + column);
    }
    Object value = row.get(column);
    if (value != null && !type.isInstance(value)) {
      throw new IllegalArgumentException(
          "column %s is a %s, not a %s"
              .formatted(column, value.getClass().getSimpleName(), type.getSimpleName()));
    }
    return type.cast(value);
  }
}
