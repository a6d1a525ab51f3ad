package dev.beit2.pipelines.options;

import dev.beit2.model.tokenizer.Tokenizer;
import dev.beit2.pipelines.cli.Location;
import dev.beit2.pipelines.cli.Range;
import org.apache.beam.sdk.options.Description;
import org.apache.beam.sdk.options.Validation;

/** The options of the commands that compute codes; see {@link TokenizerSource}. */
public interface TokenizerOptions extends PrecisionOptions {
  @Description(
      "The tokenizer: a run of ./beit2 train-tokenizer, one of its checkpoints, or a file:"
          + " model.safetensors, or a .pth of the official code. torchscript:FILE: a program that"
          + " makes codes [B, N] of images [B, 3, S, S], in its own precision.")
  @Validation.Required
  @Location(value = Location.Kind.INPUT, prefixes = "torchscript:")
  String getTokenizer();

  void setTokenizer(String tokenizer);

  @Description(
      "Mean of red, green and blue that a TorchScript tokenizer expects to be subtracted. Left out:"
          + " its extra file mean.")
  String getTokenizerMean();

  void setTokenizerMean(String tokenizerMean);

  @Description(
      "Standard deviation of red, green and blue by which a TorchScript tokenizer expects to be"
          + " divided. Left out: its extra file std.")
  String getTokenizerStd();

  void setTokenizerStd(String tokenizerStd);

  @Description(
      "Width and height of a TorchScript tokenizer's input in pixels. Left out: its extra file"
          + " size.")
  @Range(min = 1, max = 4096)
  Integer getTokenizerSize();

  void setTokenizerSize(Integer tokenizerSize);

  @Description(
      "Codes of a TorchScript tokenizer: all that it makes are in [0, this number). Left out: its"
          + " extra file codes.")
  @Range(min = 1, max = Tokenizer.MOST_CODES)
  Integer getTokenizerCodes();

  void setTokenizerCodes(Integer tokenizerCodes);
}
