package dev.beit2.pipelines.report;

import static org.junit.jupiter.api.Assertions.assertEquals;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class DemoSummaryTest {
  @Test
  void theFileHasTheNamesThatReadersRelyOn(@TempDir Path folder) throws IOException {
    Map<String, Double> seconds = new LinkedHashMap<>();
    seconds.put("train-tokenizer", 41.5);
    seconds.put("pretrain", 188.0);
    new DemoSummary(
            new DemoSummary.Tokenizer(0.86, 0.35, 256, 256, 137.5),
            new DemoSummary.Pretrain(11.2, 8.4, 0.29),
            new DemoSummary.Knn(0.5, 0.31, 0.27, 0.24, 0.027, 0.033, 0.03),
            seconds,
            2913)
        .write(folder.toString());

    assertEquals(
        """
        {
          "tokenizer" : {
            "firstLoss" : 0.86,
            "lastLoss" : 0.35,
            "codesInUse" : 256,
            "codebookSize" : 256,
            "perplexity" : 137.5
          },
          "pretrain" : {
            "firstLoss" : 11.2,
            "lastLoss" : 8.4,
            "maskedAccuracy" : 0.29
          },
          "knn" : {
            "cls" : 0.5,
            "mean" : 0.31,
            "untrainedCls" : 0.27,
            "untrainedMean" : 0.24,
            "clsError" : 0.027,
            "clsGainError" : 0.033,
            "meanGainError" : 0.03
          },
          "seconds" : {
            "train-tokenizer" : 41.5,
            "pretrain" : 188.0
          },
          "peakResidentMegabytes" : 2913
        }
        """,
        Files.readString(folder.resolve("summary.json")));
  }
}
