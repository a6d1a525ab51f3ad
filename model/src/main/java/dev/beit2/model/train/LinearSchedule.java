package dev.beit2.model.train;

/**
 * A learning rate that falls linearly, while in the warm-up a factor of it rises linearly (mmcv's
 * policy "poly" with power 1 and its linear warm-up).
 *
 * @param peak at which the fall begins, before the warm-up's factor
 * @param start the warm-up's first factor, 0 to 1
 * @param end of the schedule
 * @param warmupSteps steps of the warm-up
 * @param steps of the whole schedule, including the warm-up
 * @param offset that is added to the number of each step
 */
public record LinearSchedule(
    double peak, double start, double end, long warmupSteps, long steps, long offset)
    implements LearningRate {

  /** A schedule that begins with the first step. */
  public LinearSchedule(double peak, double start, double end, long warmupSteps, long steps) {
    this(peak, start, end, warmupSteps, steps, 0);
  }

  @Override
  public LinearSchedule withOffset(long offset) {
    return new LinearSchedule(peak, start, end, warmupSteps, steps, offset);
  }

  @Override
  public double at(long number) {
    long step = number + offset;
    double rate = end + (peak - end) * (1 - (double) step / steps);
    double missing = step < warmupSteps ? (1 - (double) step / warmupSteps) * (1 - start) : 0;
    return rate * (1 - missing);
  }
}
