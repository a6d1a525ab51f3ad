package dev.beit2.model.train;

/**
 * A learning rate that rises linearly and falls as half a cosine (official {@code
 * utils.cosine_scheduler}).
 *
 * @param peak after the warm-up
 * @param start of the warm-up
 * @param end of the schedule
 * @param warmupSteps steps of the warm-up
 * @param steps all steps, the warm-up's included
 */
public record CosineSchedule(double peak, double start, double end, long warmupSteps, long steps) {

  /** The rate of a step counted from 0. */
  public double at(long step) {
    if (step < warmupSteps) {
      return warmupSteps == 1 ? start : start + (peak - start) * step / (warmupSteps - 1);
    }
    double progress = (double) (step - warmupSteps) / (steps - warmupSteps);
    return end + 0.5 * (peak - end) * (1 + Math.cos(Math.PI * progress));
  }
}
