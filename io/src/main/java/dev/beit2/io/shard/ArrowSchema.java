package dev.beit2.io.shard;

import com.google.flatbuffers.FlatBufferBuilder;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Base64;
import java.util.List;
import org.apache.arrow.flatbuf.Endianness;
import org.apache.arrow.flatbuf.Field;
import org.apache.arrow.flatbuf.FixedSizeList;
import org.apache.arrow.flatbuf.FloatingPoint;
import org.apache.arrow.flatbuf.Int;
import org.apache.arrow.flatbuf.Message;
import org.apache.arrow.flatbuf.MessageHeader;
import org.apache.arrow.flatbuf.MetadataVersion;
import org.apache.arrow.flatbuf.Precision;
import org.apache.arrow.flatbuf.Schema;
import org.apache.arrow.flatbuf.Type;
import org.apache.arrow.flatbuf.Utf8;

/**
 * The columns of features in Arrow's words. Parquet has no lists of a fixed size. Arrow's readers
 * take the size from this schema, which its own writers put into the footer as well; other readers
 * ignore it.
 */
final class ArrowSchema {
  /** The footer's key for it. */
  static final String KEY = "ARROW:schema";

  private static final int CONTINUATION = -1;
  private static final int[] NO_CHILDREN = {};

  private final FlatBufferBuilder builder = new FlatBufferBuilder();

  private ArrowSchema() {}

  /** The footer's value: an encapsulated IPC message in Base64. */
  static String of(FeatureMetadata metadata) {
    return new ArrowSchema().message(metadata);
  }

  private String message(FeatureMetadata metadata) {
    List<Integer> fields = new ArrayList<>();
    Utf8.startUtf8(builder);
    fields.add(field("key", false, Type.Utf8, Utf8.endUtf8(builder), NO_CHILDREN));
    fields.add(field("label", true, Type.Int, Int.createInt(builder, 32, true), NO_CHILDREN));
    boolean half = metadata.type() == FeatureType.FLOAT16;
    for (FeatureMetadata.Vector vector : metadata.vectors()) {
      int type =
          FloatingPoint.createFloatingPoint(builder, half ? Precision.HALF : Precision.SINGLE);
      int element = field("element", false, Type.FloatingPoint, type, NO_CHILDREN);
      int list = FixedSizeList.createFixedSizeList(builder, vector.size());
      fields.add(field(vector.name(), false, Type.FixedSizeList, list, new int[] {element}));
    }
    int[] columns = fields.stream().mapToInt(Integer::intValue).toArray();
    int vector = Schema.createFieldsVector(builder, columns);
    Schema.startSchema(builder);
    Schema.addEndianness(builder, Endianness.Little);
    Schema.addFields(builder, vector);
    int schema = Schema.endSchema(builder);
    Message.startMessage(builder);
    Message.addVersion(builder, MetadataVersion.V5);
    Message.addHeaderType(builder, MessageHeader.Schema);
    Message.addHeader(builder, schema);
    Message.finishMessageBuffer(builder, Message.endMessage(builder));
    return encapsulated(builder.sizedByteArray());
  }

  private int field(String name, boolean nullable, byte kind, int type, int[] children) {
    int text = builder.createString(name);
    int vector = Field.createChildrenVector(builder, children);
    return Field.createField(builder, text, nullable, kind, type, 0, vector, 0);
  }

  /** A mark, the padded length, and the message padded to a multiple of eight bytes. */
  private static String encapsulated(byte[] message) {
    int padded = (message.length + 7) / 8 * 8;
    ByteBuffer bytes = ByteBuffer.allocate(8 + padded).order(ByteOrder.LITTLE_ENDIAN);
    bytes.putInt(CONTINUATION).putInt(padded).put(message);
    return Base64.getEncoder().encodeToString(bytes.array());
  }
}
