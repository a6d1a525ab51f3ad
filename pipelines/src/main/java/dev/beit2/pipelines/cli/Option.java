package dev.beit2.pipelines.cli;

import java.lang.annotation.Annotation;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.util.Arrays;
import java.util.Comparator;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.apache.beam.sdk.options.Default;
import org.apache.beam.sdk.options.Description;
import org.apache.beam.sdk.options.PipelineOptions;
import org.apache.beam.sdk.options.Validation;

/**
 * One option of a command, as its getter and the getter's annotations tell it: the one source of
 * parsing, checking and {@code --help}.
 *
 * @param name without dashes
 * @param getter of the options interface
 */
public record Option(String name, Method getter) {
  private static final Map<Class<?>, String> TYPES =
      Map.of(
          String.class, "text",
          boolean.class, "true or false",
          int.class, "a whole number",
          Integer.class, "a whole number",
          long.class, "a whole number",
          Long.class, "a whole number",
          double.class, "a number",
          Double.class, "a number");

  /**
   * The options that an interface and its ancestors of ours declare: required ones first, then by
   * name.
   */
  public static List<Option> of(Class<? extends PipelineOptions> options) {
    return Stream.of(options.getMethods())
        .filter(method -> PipelineOptions.class.isAssignableFrom(method.getDeclaringClass()))
        .filter(method -> method.getDeclaringClass().getName().startsWith("dev.beit2."))
        .filter(method -> method.getParameterCount() == 0)
        .map(method -> new Option(propertyName(method), method))
        .sorted(
            Comparator.comparing((Option option) -> !option.required()).thenComparing(Option::name))
        .toList();
  }

  /** The name of the property that a method gets or sets. */
  static String propertyName(Method method) {
    String name = method.getName().replaceFirst("^(get|set|is)", "");
    return name.substring(0, 1).toLowerCase(Locale.ROOT) + name.substring(1);
  }

  /** Whether it is given without its name. */
  boolean positional() {
    return annotation(Positional.class).isPresent();
  }

  /** What help and messages call it: {@code --name}, or {@code NAME} where no name is typed. */
  String label() {
    return positional() ? name.replaceAll("(?=[A-Z])", "_").toUpperCase(Locale.ROOT) : "--" + name;
  }

  /** The option with a value, as it is typed. */
  String given(String text) {
    return positional() ? text : "--" + name + "=" + text;
  }

  boolean required() {
    return annotation(Validation.Required.class).isPresent();
  }

  String description() {
    return annotation(Description.class).map(Description::value).orElse("");
  }

  /** What it takes, for people: {@code a whole number, at least 1}. */
  String wanted() {
    Optional<OneOf> words = annotation(OneOf.class);
    if (words.isPresent()) {
      return "one of " + String.join(", ", words.get().value());
    }
    String type = TYPES.get(getter.getReturnType());
    return annotation(Range.class)
        .map(
            range ->
                Double.isInfinite(range.max())
                    ? "%s, at least %s".formatted(type, plain(range.min()))
                    : "%s from %s to %s".formatted(type, plain(range.min()), plain(range.max())))
        .orElse(type);
  }

  private static String plain(double number) {
    return number == Math.rint(number) ? Long.toString((long) number) : Double.toString(number);
  }

  /** The default for people, or nothing. */
  Optional<String> defaultText() {
    Optional<String> fixed =
        Stream.of(getter.getAnnotations())
            .filter(a -> a.annotationType().getDeclaringClass() == Default.class)
            .map(a -> String.valueOf(value(a)))
            .findFirst();
    return fixed.or(
        () ->
            annotation(ByPreset.class)
                .map(
                    preset ->
                        Stream.of("tiny", "base", "large")
                            .filter(name -> !presetDefault(name).isEmpty())
                            .map(name -> name + " " + presetDefault(name))
                            .reduce("", (a, b) -> a.isEmpty() ? b : a + ", " + b))
                .filter(text -> !text.isEmpty()));
  }

  /** The default with a preset; empty without one. */
  String presetDefault(String preset) {
    Optional<ByPreset> defaults = annotation(ByPreset.class);
    if (defaults.isEmpty()) {
      return "";
    }
    return switch (preset) {
      case "tiny" -> defaults.get().tiny();
      case "base" -> defaults.get().base();
      default -> defaults.get().large();
    };
  }

  /** The option that takes this one's place; empty if there is none. */
  String insteadOf() {
    return annotation(ByPreset.class).map(ByPreset::insteadOf).orElse("");
  }

  /**
   * The value that a text stands for.
   *
   * @throws InvalidOptionException if the option does not take it
   */
  Object parse(String text) {
    String given = given(text);
    Class<?> type = getter.getReturnType();
    if (text.isBlank()) {
      throw new InvalidOptionException(given, "nothing", wanted());
    }
    try {
      if (type == String.class) {
        return requireWord(given, text);
      }
      if (type == boolean.class) {
        if (!text.equals("true") && !text.equals("false")) {
          throw new InvalidOptionException(given, text, wanted());
        }
        return Boolean.valueOf(text);
      }
      Number number =
          type == int.class || type == Integer.class
              ? (Number) Integer.valueOf(text)
              : type == long.class || type == Long.class
                  ? (Number) Long.valueOf(text)
                  : (Number) Double.valueOf(text);
      return requireInRange(given, number);
    } catch (NumberFormatException e) {
      throw new InvalidOptionException(given, text, wanted());
    }
  }

  private String requireWord(String given, String text) {
    Optional<OneOf> words = annotation(OneOf.class);
    if (words.isPresent() && !Arrays.asList(words.get().value()).contains(text)) {
      throw new InvalidOptionException(given, text, wanted());
    }
    return text;
  }

  private Number requireInRange(String given, Number number) {
    double value = number.doubleValue();
    Optional<Range> range = annotation(Range.class);
    if (!Double.isFinite(value)
        || (range.isPresent() && (value < range.get().min() || value > range.get().max()))) {
      throw new InvalidOptionException(given, number.toString(), wanted());
    }
    return number;
  }

  public Object get(PipelineOptions options) {
    return invoke(getter, options);
  }

  void set(PipelineOptions options, Object value) {
    String setter = "set" + getter.getName().replaceFirst("^(get|is)", "");
    try {
      invoke(getter.getDeclaringClass().getMethod(setter, getter.getReturnType()), options, value);
    } catch (NoSuchMethodException e) {
      throw new IllegalStateException(e);
    }
  }

  private <A extends Annotation> Optional<A> annotation(Class<A> type) {
    return Optional.ofNullable(getter.getAnnotation(type));
  }

  private static Object value(Annotation annotation) {
    try {
      return invoke(annotation.annotationType().getMethod("value"), annotation);
    } catch (NoSuchMethodException e) {
      throw new IllegalStateException(e);
    }
  }

  private static Object invoke(Method method, Object on, Object... arguments) {
    try {
      return method.invoke(on, arguments);
    } catch (IllegalAccessException | InvocationTargetException e) {
      throw new IllegalStateException("cannot call " + method, e);
    }
  }
}
