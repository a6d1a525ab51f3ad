package dev.beit2.model.train;

/** How several workers' copies of a tensor are combined. */
public enum Averaging {
  /** A trained parameter: the outer optimizer applies the mean. */
  OUTER_STEP,
  /** A statistic: the mean. */
  MEAN,
  /**
   * Unit vectors as rows, multiplied by their weights: the mean, with each row of the last
   * dimension normalized.
   */
  UNIT_MEAN
}
