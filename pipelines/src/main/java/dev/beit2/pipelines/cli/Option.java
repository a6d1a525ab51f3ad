package dev.beit2.pipelines.cli;

import java.lang.annotation.Annotation;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.math.BigDecimal;
import java.util.Comparator;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Collectors;
import java.util.stream.Stream;
import javax.annotation.Nullable;
import org.apache.beam.sdk.options.Default;
import org.apache.beam.sdk.options.Description;
import org.apache.beam.sdk.options.PipelineOptions;
import org.apache.beam.sdk.options.Validation;

/**
 * An option of a command, as its getter and the getter's annotations declare it. Checks, {@code
 * --help} and {@code config.json} all read it from here.
 *
 * @param name without dashes
 * @param getter of the options interface
 */
public record Option(String name, Method getter) {
  private static final BigDecimal SMALLEST_PLAIN = new BigDecimal("0.01");
  private static final Map<Class<?>, String> TYPES =
      Map.of(
          String.class, "text",
          boolean.class, "true or false",
          Boolean.class, "true or false",
          int.class, "a whole number",
          Integer.class, "a whole number",
          long.class, "a whole number",
          Long.class, "a whole number",
          double.class, "a number",
          Double.class, "a number");

  private static final String WHOLE_NUMBER = "^-?[0-9]+$";
  private static final String NUMBER = "^-?[0-9]+(\\.[0-9]+)?([eE]-?[0-9]+)?$";
  private static final Map<Class<?>, String> REGEXES =
      Map.of(
          boolean.class, "^(true|false)$",
          Boolean.class, "^(true|false)$",
          int.class, WHOLE_NUMBER,
          Integer.class, WHOLE_NUMBER,
          long.class, WHOLE_NUMBER,
          Long.class, WHOLE_NUMBER,
          double.class, NUMBER,
          Double.class, NUMBER);

  /**
   * The options that an interface and its ancestors in this project declare: required ones first,
   * then by name.
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

  /** Whether it may be given several times; see {@link Positional#several}. */
  boolean several() {
    return annotation(Positional.class).filter(Positional::several).isPresent();
  }

  /**
   * Its name in help and messages: {@code --name}, or {@code NAME} if it is positional, or {@code
   * NAME…} if several values may be given.
   */
  String label() {
    return positional()
        ? name.replaceAll("(?=[A-Z])", "_").toUpperCase(Locale.ROOT) + (several() ? "…" : "")
        : "--" + name;
  }

  /** The option with a value, as it is typed. */
  String given(Object value) {
    return positional() ? text(value) : "--" + name + "=" + text(value);
  }

  /** Whether it must be given. */
  public boolean required() {
    return annotation(Validation.Required.class).isPresent();
  }

  /** What it does. */
  public String description() {
    return annotation(Description.class).map(Description::value).orElse("");
  }

  /** The option that means the same in another unit; empty if there is none. */
  public String insteadOf() {
    return annotation(InsteadOf.class).map(InsteadOf::value).orElse("");
  }

  /** What kind of path it is; empty if it is none. */
  public Optional<Location> location() {
    return annotation(Location.class);
  }

  /** The option and its values without which this one has no effect. */
  public Optional<OnlyWith> onlyWith() {
    return annotation(OnlyWith.class);
  }

  /**
   * A regular expression of the values that a template accepts, from beginning to end. Where the
   * workers run, there are no paths but {@code gs://…}.
   */
  public Optional<String> templateRegex() {
    Optional<Location> path = location();
    if (path.isPresent()) {
      String prefixes = String.join("|", path.get().prefixes());
      String location =
          (prefixes.isEmpty() ? "" : "(" + prefixes + ")" + (path.get().needsPrefix() ? "" : "?"))
              + "gs://[^/]+/.+";
      return Optional.of(
          path.get().words().length == 0
              ? "^" + location + "$"
              : "^(" + String.join("|", path.get().words()) + "|" + location + ")$");
    }
    if (!words().isEmpty()) {
      return Optional.of("^(" + String.join("|", words()) + ")$");
    }
    return Optional.ofNullable(REGEXES.get(getter.getReturnType()));
  }

  /** Whether a path is one that a job on other machines finds. */
  boolean isForTemplate(String text) {
    return location().isEmpty() || text.matches("(?s)" + templateRegex().orElseThrow());
  }

  /** The words that it accepts; empty if it accepts other values, too. */
  List<String> words() {
    Class<?> type = getter.getReturnType();
    if (type.isEnum()) {
      return Stream.of(type.getEnumConstants()).map(Option::text).toList();
    }
    return annotation(OneOf.class).map(words -> List.of(words.value())).orElse(List.of());
  }

  /** The values that it accepts, in words: {@code a whole number, at least 1}. */
  public String wanted() {
    if (!words().isEmpty()) {
      return "one of " + String.join(", ", words());
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

  /**
   * Its default in words, if it has one: {@code 8}, or {@code tiny 32, base 64}.
   *
   * @param presets of the command
   */
  public Optional<String> defaultText(Map<String, ? extends Record> presets) {
    Optional<String> fixed =
        Stream.of(getter.getAnnotations())
            .filter(a -> a.annotationType().getDeclaringClass() == Default.class)
            .map(Option::value)
            .map(value -> getter.getReturnType().isEnum() ? word(value) : helpText(value))
            .findFirst();
    if (fixed.isPresent()) {
      return fixed;
    }
    Map<String, String> byPreset = new LinkedHashMap<>();
    presets.forEach(
        (preset, recipe) ->
            presetDefault(recipe).ifPresent(value -> byPreset.put(preset, helpText(value))));
    if (byPreset.isEmpty()) {
      return Optional.empty();
    }
    Set<String> values = Set.copyOf(byPreset.values());
    if (values.size() == 1 && byPreset.size() == presets.size()) {
      return values.stream().findFirst();
    }
    return Optional.of(
        byPreset.entrySet().stream()
            .map(preset -> preset.getKey() + " " + preset.getValue())
            .collect(Collectors.joining(", ")));
  }

  /** A value as people write it: {@code 100}, {@code 0.98}, {@code 6.25e-6}, {@code bf16}. */
  private static String helpText(Object value) {
    if (!(value instanceof Double)) {
      return text(value);
    }
    BigDecimal number = new BigDecimal(value.toString()).stripTrailingZeros();
    if (number.signum() == 0 || number.abs().compareTo(SMALLEST_PLAIN) >= 0) {
      return number.toPlainString();
    }
    int exponent = number.precision() - number.scale() - 1;
    return number.scaleByPowerOfTen(-exponent).toPlainString() + "e" + exponent;
  }

  /**
   * The default that a preset's recipe has for it: what its method of the same name returns. A
   * record, such as a number that depends on the device, only describes the default.
   */
  public Optional<Object> presetDefault(Record recipe) {
    return Stream.of(recipe.getClass().getDeclaredMethods())
        .filter(method -> method.getName().equals(name) && method.getParameterCount() == 0)
        .findFirst()
        .map(method -> invoke(method, recipe))
        .map(this::converted);
  }

  /** A recipe may have a narrower type of number. */
  private Object converted(Object value) {
    Class<?> type = getter.getReturnType();
    if (value instanceof Number number) {
      if (type == Long.class || type == long.class) {
        return number.longValue();
      }
      if (type == Double.class || type == double.class) {
        return number.doubleValue();
      }
    }
    return value;
  }

  /**
   * The argument for Beam's parser, which takes the names of enum constants.
   *
   * @throws InvalidOptionException if the text is empty, or not one of the words
   */
  String argument(String text) {
    if (text.isBlank()) {
      throw new InvalidOptionException(given(text), "nothing", wanted());
    }
    if (!words().isEmpty() && !words().contains(text)) {
      throw new InvalidOptionException(given(text), text, wanted());
    }
    boolean isEnum = getter.getReturnType().isEnum();
    return "--" + name + "=" + (isEnum ? constant(text) : text);
  }

  /**
   * Checks a value that Beam has parsed.
   *
   * @param text as it was typed
   * @throws InvalidOptionException if it is out of range
   */
  void check(String text, @Nullable Object value) {
    if (value instanceof Number number) {
      double size = number.doubleValue();
      Optional<Range> range = annotation(Range.class);
      if (!Double.isFinite(size)
          || (range.isPresent() && (size < range.get().min() || size > range.get().max()))) {
        throw new InvalidOptionException(given(text), text, wanted());
      }
    }
  }

  /** The option's value; null if it has none. */
  @Nullable
  public Object get(PipelineOptions options) {
    return invoke(getter, options);
  }

  /** Sets the option to a preset's default, unless the command works it out itself. */
  void setDefault(PipelineOptions options, Object value) {
    if (!(value instanceof Record)) {
      set(options, value);
    }
  }

  private void set(PipelineOptions options, Object value) {
    String setter = "set" + getter.getName().replaceFirst("^(get|is)", "");
    try {
      invoke(getter.getDeclaringClass().getMethod(setter, getter.getReturnType()), options, value);
    } catch (NoSuchMethodException e) {
      throw new IllegalStateException(e);
    }
  }

  /** A value as it is typed and as {@code config.json} has it: an enum constant as a word. */
  public static String text(Object value) {
    return value instanceof Enum<?> constant ? word(constant.name()) : String.valueOf(value);
  }

  /** The word for an enum constant: {@code add-taskmanager} for {@code ADD_TASKMANAGER}. */
  private static String word(Object constant) {
    return constant.toString().toLowerCase(Locale.ROOT).replace('_', '-');
  }

  private static String constant(String word) {
    return word.toUpperCase(Locale.ROOT).replace('-', '_');
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
