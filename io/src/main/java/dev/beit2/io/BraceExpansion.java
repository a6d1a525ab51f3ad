package dev.beit2.io;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.regex.Matcher;
import java.util.regex.Pattern;

/**
 * The expansion of the braces in a path, as in a shell: {@code {000..127}} with its leading zeros,
 * {@code {a,b}}, and nested braces.
 *
 * @param expanded the paths
 * @param numbered whether the path has a range of numbers, so that every file must exist
 */
record BraceExpansion(List<String> expanded, boolean numbered) {
  private static final Pattern RANGE = Pattern.compile("(\\d{1,18})\\.\\.(\\d{1,18})");
  private static final int MOST = 1_000_000;

  BraceExpansion {
    expanded = List.copyOf(expanded);
  }

  /**
   * @throws InvalidInputException if a brace is not closed, or there are more than a million paths
   */
  static BraceExpansion expand(String path) {
    int open = path.indexOf('{');
    if (open < 0) {
      return new BraceExpansion(List.of(path), false);
    }
    int close = closing(path, open);
    String inside = path.substring(open + 1, close);
    Matcher range = RANGE.matcher(inside);
    boolean numbered = range.matches();
    List<String> choices = numbered ? numbers(path, range) : choices(inside);
    List<String> expanded = new ArrayList<>();
    for (String choice : choices) {
      BraceExpansion rest = expand(path.substring(0, open) + choice + path.substring(close + 1));
      numbered |= rest.numbered();
      expanded.addAll(rest.expanded());
      requireFew(path, expanded.size());
    }
    return new BraceExpansion(expanded, numbered);
  }

  private static int closing(String path, int open) {
    int depth = 0;
    for (int i = open; i < path.length(); i++) {
      depth += path.charAt(i) == '{' ? 1 : path.charAt(i) == '}' ? -1 : 0;
      if (depth == 0) {
        return i;
      }
    }
    throw new InvalidInputException("{ without } in " + path, "as {000..127} or {a,b}");
  }

  private static List<String> numbers(String path, Matcher range) {
    long from = Long.parseLong(range.group(1));
    long to = Long.parseLong(range.group(2));
    requireFew(path, to - from);
    int width = range.group(1).length();
    List<String> numbers = new ArrayList<>();
    for (long i = from; i <= to; i++) {
      numbers.add(String.format(Locale.ROOT, "%0" + width + "d", i));
    }
    if (numbers.isEmpty()) {
      throw new InvalidInputException("a range that ends before it begins in " + path, "its order");
    }
    return numbers;
  }

  /** Splits at the commas that are not inside an inner pair of braces. */
  private static List<String> choices(String inside) {
    List<String> choices = new ArrayList<>();
    int depth = 0;
    int start = 0;
    for (int i = 0; i < inside.length(); i++) {
      char c = inside.charAt(i);
      depth += c == '{' ? 1 : c == '}' ? -1 : 0;
      if (c == ',' && depth == 0) {
        choices.add(inside.substring(start, i));
        start = i + 1;
      }
    }
    choices.add(inside.substring(start));
    return choices;
  }

  private static void requireFew(String path, long count) {
    if (count > MOST) {
      throw new InvalidInputException(
          "more than " + MOST + " files named by " + path, "at most that");
    }
  }
}
