package dev.beit2.io.shard;

import static org.apache.parquet.schema.PrimitiveType.PrimitiveTypeName.BINARY;
import static org.apache.parquet.schema.PrimitiveType.PrimitiveTypeName.FIXED_LEN_BYTE_ARRAY;
import static org.apache.parquet.schema.PrimitiveType.PrimitiveTypeName.FLOAT;
import static org.apache.parquet.schema.PrimitiveType.PrimitiveTypeName.INT32;
import static org.apache.parquet.schema.Type.Repetition.OPTIONAL;
import static org.apache.parquet.schema.Type.Repetition.REQUIRED;

import java.util.ArrayList;
import java.util.Collection;
import java.util.List;
import org.apache.parquet.schema.LogicalTypeAnnotation;
import org.apache.parquet.schema.MessageType;
import org.apache.parquet.schema.PrimitiveType;
import org.apache.parquet.schema.Type;
import org.apache.parquet.schema.Types;

/** Parquet's columns of a set of features: key, label, and a list without nulls for each vector. */
final class FeatureColumns {
  static final String KEY = "key";
  static final String LABEL = "label";
  static final String LIST = "list";
  static final String ELEMENT = "element";
  static final int HALF_BYTES = 2;

  private static final String MESSAGE = "features";

  private FeatureColumns() {}

  /** All columns of a set. */
  static MessageType of(FeatureMetadata metadata) {
    return of(metadata, metadata.vectors().stream().map(FeatureMetadata.Vector::name).toList());
  }

  /** Keys, labels, and the vectors of these names. */
  static MessageType of(FeatureMetadata metadata, Collection<String> vectors) {
    List<Type> columns = new ArrayList<>();
    columns.add(
        Types.primitive(BINARY, REQUIRED).as(LogicalTypeAnnotation.stringType()).named(KEY));
    columns.add(Types.primitive(INT32, OPTIONAL).named(LABEL));
    for (String vector : vectors) {
      columns.add(Types.requiredList().element(element(metadata.type())).named(vector));
    }
    return new MessageType(MESSAGE, columns);
  }

  private static PrimitiveType element(FeatureType type) {
    return type == FeatureType.FLOAT32
        ? Types.primitive(FLOAT, REQUIRED).named(ELEMENT)
        : Types.primitive(FIXED_LEN_BYTE_ARRAY, REQUIRED)
            .length(HALF_BYTES)
            .as(LogicalTypeAnnotation.float16Type())
            .named(ELEMENT);
  }

  /** Parquet's name of the column with the numbers of a vector. */
  static String path(String vector) {
    return vector + "." + LIST + "." + ELEMENT;
  }
}
