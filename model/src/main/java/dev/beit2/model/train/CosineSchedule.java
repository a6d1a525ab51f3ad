package dev.beit2.model.train;

/**
 * A learning rate that rises linearly and falls as half a cosine (official {@code
 * utils.cosine_scheduler}).
 *
 * @param peak after the warm-up
 * @param start of the warm-up
 * @param end of the schedule
 * @param warmupSteps steps of the warm-up
 * @param steps of the whole schedule, including the warm-up
 * @param ahead offset that is added to each step
 */
public record CosineSchedule(
    double peak, double start, double end, long warmupSteps, long steps, long ahead) {

  /** A schedule that begins with the first step. */
  public CosineSchedule(double peak, double start, double end, long warmupSteps, long steps) {
    this(peak, start, end, warmupSteps, steps, 0);
  }

  /** The same schedule, {@code ahead} steps further at each step. */
  public CosineSchedule ahead(long ahead) {
    return new CosineSchedule(peak, start, end, warmupSteps, steps, ahead);
  }

  /** The learning rate of a step, from 0. */
  public double at(long number) {
    long step = number + ahead;
    if (step < warmupSteps) {
      return warmupSteps == 1 ? start : start + (peak - start) * step / (warmupSteps - 1);
    }
    double progress = (double) (step - warmupSteps) / (steps - warmupSteps);
    return end + 0.5 * (peak - end) * (1 + Math.cos(Math.PI * progress));
  }
}
