package dev.beit2.pipelines.average;

import org.apache.beam.sdk.coders.KvCoder;
import org.apache.beam.sdk.coders.StringUtf8Coder;
import org.apache.beam.sdk.coders.VarLongCoder;
import org.apache.beam.sdk.transforms.Combine;
import org.apache.beam.sdk.transforms.GroupByKey;
import org.apache.beam.sdk.transforms.PTransform;
import org.apache.beam.sdk.transforms.ParDo;
import org.apache.beam.sdk.transforms.display.DisplayData;
import org.apache.beam.sdk.values.KV;
import org.apache.beam.sdk.values.PCollection;

/**
 * Averages the parameters of several workers and writes them as files of the next checkpoint.
 * Input: each worker's parameters, in chunks. Output: names of the files.
 *
 * <p>Beam's shuffle is the all-reduce: equal chunks of all workers meet in a {@link Combine}, the
 * outer optimizer applies their mean to the parameters with which the round began, and the results
 * are written at their offsets in the model's file.
 */
public final class AverageParameters
    extends PTransform<PCollection<KV<ChunkKey, float[]>>, PCollection<String>> {
  private static final long serialVersionUID = 1L;

  /** The coder of the input. */
  public static final KvCoder<ChunkKey, float[]> CHUNK_CODER =
      KvCoder.of(ChunkKey.CODER, FloatsCoder.of());

  private final String from;
  private final String to;
  private final OuterOptimizer optimizer;

  /**
   * @param from folder of the checkpoint with which the round began
   * @param to folder of the next checkpoint
   * @param optimizer applies the mean
   */
  public AverageParameters(String from, String to, OuterOptimizer optimizer) {
    this.from = from;
    this.to = to;
    this.optimizer = optimizer;
  }

  @Override
  public PCollection<String> expand(PCollection<KV<ChunkKey, float[]>> chunks) {
    return chunks
        .apply("Mean", Combine.perKey(new MeanFn()))
        .setCoder(CHUNK_CODER)
        .apply("Outer step", ParDo.of(new OuterStepFn(from, optimizer)))
        .setCoder(KvCoder.of(StringUtf8Coder.of(), KvCoder.of(VarLongCoder.of(), FloatsCoder.of())))
        .apply("By file", GroupByKey.create())
        .apply("Write", ParDo.of(new WriteTensorsFn(from, to)));
  }

  @Override
  public void populateDisplayData(DisplayData.Builder builder) {
    builder
        .add(DisplayData.item("from", from))
        .add(DisplayData.item("to", to))
        .add(DisplayData.item("outerLearningRate", optimizer.learningRate()))
        .add(DisplayData.item("outerMomentum", optimizer.momentum()));
  }
}
