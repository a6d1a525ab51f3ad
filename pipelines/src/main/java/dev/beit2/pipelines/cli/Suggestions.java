package dev.beit2.pipelines.cli;

import java.util.Collection;
import java.util.Comparator;
import java.util.Optional;
import org.apache.beam.sdk.util.StringUtils;

/** Finds the name that a misspelled one was probably meant to be. */
public final class Suggestions {
  private Suggestions() {}

  /** The most similar name, if one is similar enough to be meant. */
  public static Optional<String> closest(String typed, Collection<String> names) {
    return names.stream()
        .filter(name -> distance(typed, name) <= Math.max(1, typed.length() / 4))
        .min(Comparator.comparingInt(name -> distance(typed, name)));
  }

  private static int distance(String typed, String name) {
    return StringUtils.getLevenshteinDistance(typed, name);
  }
}
