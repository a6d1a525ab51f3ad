package dev.beit2.model.train;

/** The learning rate of each step. */
public sealed interface LearningRate permits CosineSchedule, LinearSchedule {
  /** The learning rate of a step, from 0. */
  double at(long number);

  /** A copy whose step {@code i} has the learning rate of step {@code i + offset}. */
  LearningRate withOffset(long offset);
}
