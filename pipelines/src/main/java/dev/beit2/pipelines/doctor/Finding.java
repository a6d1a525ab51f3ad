package dev.beit2.pipelines.doctor;

import static java.util.Objects.requireNonNull;

/**
 * What was found of one thing that a run needs.
 *
 * @param thing such as {@code memory}
 * @param found in words
 * @param usable whether a run can do with it
 */
record Finding(String thing, String found, boolean usable) {
  Finding {
    requireNonNull(thing, "thing is null");
    requireNonNull(found, "found is null");
  }

  static Finding of(String thing, String found) {
    return new Finding(thing, found, true);
  }

  static Finding unusable(String thing, String found) {
    return new Finding(thing, found, false);
  }
}
