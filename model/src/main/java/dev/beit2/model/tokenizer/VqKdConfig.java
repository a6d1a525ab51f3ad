package dev.beit2.model.tokenizer;

import static java.util.Objects.requireNonNull;

import dev.beit2.model.vit.VitConfig;
import java.io.Serializable;

/**
 * The shape of a tokenizer trained by vector-quantized knowledge distillation (paper, section 3.1).
 *
 * @param encoder images → patch features
 * @param decoder code vectors, as an image with one pixel per patch → patch features
 * @param codebookSize codes, K
 * @param codeDimension width of a code vector, C
 * @param teacherDimension width of the teacher's features
 * @param decay of the codebook's EMA per batch
 * @param beta weight of the commitment loss
 * @param reviveDeadCodesAfter batches after which a code that was nearest to no vector is replaced;
 *     0 means never, as in the official recipe
 */
public record VqKdConfig(
    VitConfig encoder,
    VitConfig decoder,
    int codebookSize,
    int codeDimension,
    int teacherDimension,
    double decay,
    double beta,
    int reviveDeadCodesAfter)
    implements Serializable {
  private static final long serialVersionUID = 1L;

  /**
   * Checks that the sizes are in reason and fit together.
   *
   * @throws IllegalArgumentException if they are not
   */
  public VqKdConfig {
    requireNonNull(encoder, "encoder is null");
    requireNonNull(decoder, "decoder is null");
    VitConfig.requireSize("codebookSize", codebookSize, VitConfig.MOST_CODES);
    VitConfig.requireSize("codeDimension", codeDimension, VitConfig.WIDEST);
    VitConfig.requireSize("teacherDimension", teacherDimension, VitConfig.WIDEST);
    VitConfig.requireNumber("decay", decay, 0, 1);
    VitConfig.requireNumber("beta", beta, 0, Double.MAX_VALUE);
    VitConfig.requireNumber("reviveDeadCodesAfter", reviveDeadCodesAfter, 0, Integer.MAX_VALUE);
    if (decoder.grid() != encoder.grid() || decoder.channels() != codeDimension) {
      throw new IllegalArgumentException(
          "a decoder of %1$d x %1$d codes of %2$d values does not fit an encoder of %3$d x %3$d of %4$d"
              .formatted(decoder.grid(), decoder.channels(), encoder.grid(), codeDimension));
    }
  }

  /** A copy that revives dead codes after another number of batches. */
  public VqKdConfig withReviveDeadCodesAfter(int batches) {
    return new VqKdConfig(
        encoder, decoder, codebookSize, codeDimension, teacherDimension, decay, beta, batches);
  }
}
