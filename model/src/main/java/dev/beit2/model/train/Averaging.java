package dev.beit2.model.train;

/** How several workers' copies of a tensor become one. */
public enum Averaging {
  /** A trained parameter: moved by the outer optimizer. */
  OUTER_STEP,
  /** A statistic: the mean. */
  MEAN,
  /** Rows that are unit vectors: the mean, each row of the last dimension scaled to length 1. */
  UNIT_MEAN
}
