package dev.beit2.pipelines.report;

import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/**
 * A linear axis with round ticks.
 *
 * @param low value at the start
 * @param high value at the end, greater than {@code low}
 * @param step between two ticks: 1, 2 or 5 times a power of ten
 */
record Axis(double low, double high, double step) {

  /** The axis with about this many ticks whose ends are the ticks around all values. */
  static Axis around(double least, double most, int ticks) {
    // If the values start near zero, the axis starts at zero.
    double from = least > 0 && least < 0.4 * most ? 0 : least;
    double width = most > from ? most - from : Math.max(Math.abs(most), 1);
    double step = roundStep(width / ticks);
    double low = Math.floor(from / step + 1e-9) * step;
    double high = Math.ceil(most / step - 1e-9) * step;
    return new Axis(low, high > low ? high : low + step, step);
  }

  /** The axis with exactly these ends, wherever its ticks are. */
  static Axis between(double low, double high, int ticks) {
    double end = high > low ? high : low + 1;
    return new Axis(low, end, roundStep((end - low) / ticks));
  }

  private static double roundStep(double about) {
    double power = Math.pow(10, Math.floor(Math.log10(about)));
    double digit = about / power;
    return power * (digit < 1.5 ? 1 : digit < 3.5 ? 2 : digit < 7.5 ? 5 : 10);
  }

  List<Double> ticks() {
    List<Double> ticks = new ArrayList<>();
    long first = Math.round(Math.ceil(low / step - 1e-9));
    for (long i = first; i * step <= high + 1e-9 * step; i++) {
      ticks.add(i * step);
    }
    return ticks;
  }

  /** The position of a value: 0 at the start, 1 at the end. */
  double fraction(double value) {
    return (value - low) / (high - low);
  }

  /** The text of a tick, with as many decimals as the step needs. */
  String label(double tick) {
    int decimals = Math.max(0, (int) -Math.floor(Math.log10(step) + 1e-9));
    String text = String.format(Locale.ROOT, "%,." + Math.min(decimals, 8) + "f", tick);
    // The page separates thousands with a thin space.
    return text.replace(',', '\u202f');
  }
}
