package dev.beit2.model.recipe;

/** What the recipes of all trainings say of a step and of the schedule. */
public sealed interface TrainingRecipe
    permits TokenizerRecipe, PretrainingRecipe, FineTuningRecipe, SegmentationRecipe {
  /** Images that go through the network at once. */
  MicroBatch microBatch();

  /** Peak of the schedule. */
  BatchRate learningRate();

  /** End of the schedule. */
  BatchRate minLearningRate();
}
