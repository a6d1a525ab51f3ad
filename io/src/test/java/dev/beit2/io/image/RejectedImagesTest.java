package dev.beit2.io.image;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.stream.Stream;
import org.apache.beam.sdk.testing.TestPipeline;
import org.apache.beam.sdk.transforms.Create;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class RejectedImagesTest {
  @TempDir Path folder;

  @Test
  void eachIsALineOfJson() throws IOException {
    write(
        new RejectedImage("bird/\"quoted\".jpg", "empty file"),
        new RejectedImage("b", "truncated or corrupt JPEG"));
    try (Stream<Path> files = Files.list(folder.resolve("rejected"))) {
      List<Path> written = files.filter(Files::isRegularFile).toList();
      assertEquals(1, written.size());
      assertEquals(
          List.of(
              "{\"key\":\"b\",\"reason\":\"truncated or corrupt JPEG\"}",
              "{\"key\":\"bird/\\\"quoted\\\".jpg\",\"reason\":\"empty file\"}"),
          Files.readAllLines(written.get(0)).stream().sorted().toList());
    }
  }

  @Test
  void noFileIsWrittenIfNothingIsRejected() throws IOException {
    write();
    try (Stream<Path> files = Files.walk(folder)) {
      assertFalse(files.anyMatch(Files::isRegularFile));
    }
  }

  private void write(RejectedImage... rejected) {
    TestPipeline pipeline = TestPipeline.create().enableAbandonedNodeEnforcement(false);
    pipeline
        .apply("Rejected", Create.of(List.of(rejected)).withCoder(RejectedImage.CODER))
        .apply("Write", RejectedImages.write(folder.resolve("rejected").toString()));
    pipeline.run().waitUntilFinish();
  }
}
