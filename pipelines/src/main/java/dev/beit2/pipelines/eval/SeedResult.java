package dev.beit2.pipelines.eval;

import java.util.List;
import java.util.Map;

/**
 * What one seed of a linear probe has found.
 *
 * @param vector of the head that the held-out images chose
 * @param learningRate of that head, for the batch size that was used
 * @param heldOut accuracy of its twin on the held-out images, 0 to 1
 * @param top1 accuracy of the head on the validation images, 0 to 1
 * @param top5 how often the class has one of its five highest logits, 0 to 1
 * @param vectors of each vector {@code top1} of the head that the held-out images choose among its
 * @param confusion how often validation images of a class were predicted to be of another or the
 *     same; pairs that never occur are left out
 */
record SeedResult(
    String vector,
    double learningRate,
    double heldOut,
    double top1,
    double top5,
    Map<String, Double> vectors,
    List<Cell> confusion) {
  /**
   * @param label index of the true class among those of the probe
   * @param predicted index of the predicted class
   */
  record Cell(int label, int predicted, long count) {}
}
