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
 * @param offset that is added to the number of each step
 */
public record CosineSchedule(
    double peak, double start, double end, long warmupSteps, long steps, long offset)
    implements LearningRate {

  /** A schedule that begins with the first step. */
  public CosineSchedule(double peak, double start, double end, long warmupSteps, long steps) {
    this(peak, start, end, warmupSteps, steps, 0);
  }

  @Override
  public CosineSchedule withOffset(long offset) {
    return new CosineSchedule(peak, start, end, warmupSteps, steps, offset);
  }

  @Override
  public double at(long number) {
    long step = number + offset;
    if (step < warmupSteps) {
      return warmupSteps == 1 ? start : start + (peak - start) * step / (warmupSteps - 1);
    }
    double progress = (double) (step - warmupSteps) / (steps - warmupSteps);
    return end + 0.5 * (peak - end) * (1 + Math.cos(Math.PI * progress));
  }
}
