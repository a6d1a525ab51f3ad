package dev.beit2.io;

import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.StreamReadFeature;
import com.fasterxml.jackson.core.type.TypeReference;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonMappingException;
import com.fasterxml.jackson.databind.MapperFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.ObjectWriter;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.stream.Collectors;
import org.apache.beam.sdk.coders.Coder;
import org.apache.beam.sdk.coders.DelegateCoder;
import org.apache.beam.sdk.coders.DelegateCoder.CodingFunction;
import org.apache.beam.sdk.coders.StringUtf8Coder;
import org.apache.beam.sdk.values.TypeDescriptor;

/**
 * Reads and writes JSON, by Jackson. All JSON files of this project pass through here, so that they
 * share one format. Reading is strict: each name once, each number of its component's type, nothing
 * after the value, and no component of a primitive type missing.
 *
 * <pre>{@code
 * String text = Json.pretty(new RejectedImage("bird/1.jpg", "empty file"));
 * RejectedImage image = Json.read(text, RejectedImage.class);
 * }</pre>
 */
public final class Json {
  private static final ObjectMapper MAPPER =
      JsonMapper.builder()
          .enable(StreamReadFeature.STRICT_DUPLICATE_DETECTION)
          .enable(DeserializationFeature.FAIL_ON_TRAILING_TOKENS)
          .enable(DeserializationFeature.FAIL_ON_NULL_FOR_PRIMITIVES)
          .disable(DeserializationFeature.ACCEPT_FLOAT_AS_INT)
          .disable(MapperFeature.ALLOW_COERCION_OF_SCALARS)
          .build();
  private static final int LONGEST = 200;
  private static final ObjectWriter PRETTY = MAPPER.writerWithDefaultPrettyPrinter();

  private Json() {}

  /**
   * Writes a record, map or list on indented lines, with a line break at the end.
   *
   * @throws IllegalArgumentException if Jackson cannot write the value
   */
  public static String pretty(Object value) {
    try {
      return PRETTY.writeValueAsString(value) + "\n";
    } catch (JsonProcessingException e) {
      throw new IllegalArgumentException("cannot be written as JSON: " + value, e);
    }
  }

  /**
   * Writes a record, map or list on one line, without a line break at the end.
   *
   * @throws IllegalArgumentException if Jackson cannot write the value
   */
  public static String line(Object value) {
    try {
      return MAPPER.writeValueAsString(value);
    } catch (JsonProcessingException e) {
      throw new IllegalArgumentException("cannot be written as JSON: " + value, e);
    }
  }

  /**
   * Reads a record from JSON that {@link #line} or {@link #pretty} wrote.
   *
   * @throws JsonProcessingException if the text is not JSON or does not match the record; {@link
   *     #reason} says why in one line
   */
  public static <T> T read(String text, Class<T> type) throws JsonProcessingException {
    T value = MAPPER.readValue(text, type);
    if (value == null) {
      throw new JsonMappingException(null, "null is not a JSON object");
    }
    return value;
  }

  /** Why JSON was refused, in one short line that names the component. */
  public static String reason(JsonProcessingException e) {
    // What a record's constructor says is clearer than what Jackson says of it.
    if (e.getCause() instanceof IllegalArgumentException
        || e.getCause() instanceof NullPointerException) {
      String said = e.getCause().getMessage();
      return said == null ? "null where a value belongs" : shortened(said);
    }
    String place =
        e instanceof JsonMappingException mapping
            ? mapping.getPath().stream()
                .map(
                    step ->
                        step.getFieldName() == null ? "" + step.getIndex() : step.getFieldName())
                .collect(Collectors.joining("."))
            : "";
    String reason = e.getOriginalMessage().replaceFirst(" \\(set .*", "");
    return shortened(place.isEmpty() ? reason : place + ": " + reason);
  }

  private static String shortened(String text) {
    String cut = text.length() <= LONGEST ? text : text.substring(0, LONGEST) + "…";
    return cut.replaceAll("\\s+", " ");
  }

  /**
   * Reads a JSON object as a map from names to values, in the order of the text.
   *
   * @throws JsonProcessingException if the text is not a JSON object
   */
  public static Map<String, Object> object(String text) throws JsonProcessingException {
    Map<String, Object> values =
        MAPPER.readValue(text, new TypeReference<LinkedHashMap<String, Object>>() {});
    if (values == null) {
      throw new JsonMappingException(null, "null is not a JSON object");
    }
    return values;
  }

  /** A coder of small records, which it writes as {@link #line} does. */
  public static <T> Coder<T> coder(Class<T> type) {
    return DelegateCoder.of(
        StringUtf8Coder.of(), new ToJson<>(), new FromJson<>(type), TypeDescriptor.of(type));
  }

  // Records, not lambdas, so that a coder equals its deserialized copy.
  private record ToJson<T>() implements CodingFunction<T, String> {
    @Override
    public String apply(T value) {
      return line(value);
    }
  }

  private record FromJson<T>(Class<T> type) implements CodingFunction<String, T> {
    @Override
    public T apply(String json) throws JsonProcessingException {
      return read(json, type);
    }
  }
}
