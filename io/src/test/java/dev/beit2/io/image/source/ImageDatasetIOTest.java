package dev.beit2.io.image.source;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.beit2.io.InvalidInputException;
import dev.beit2.io.image.ImageFolder;
import dev.beit2.io.image.ImageRecord;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import org.apache.beam.sdk.Pipeline.PipelineVisitor;
import org.apache.beam.sdk.runners.TransformHierarchy;
import org.apache.beam.sdk.testing.PAssert;
import org.apache.beam.sdk.testing.TestPipeline;
import org.apache.beam.sdk.transforms.Reshuffle;
import org.apache.beam.sdk.values.PCollection;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ImageDatasetIOTest {
  @TempDir Path folder;

  private final TestPipeline pipeline = TestPipeline.create().enableAbandonedNodeEnforcement(false);

  @Test
  void readsWhatImageFolderLists() throws IOException {
    for (int i = 0; i < 40; i++) {
      Path file = folder.resolve("class" + i % 3 + "/" + i + ".jpg");
      Files.createDirectories(file.getParent());
      Files.write(file, new byte[] {(byte) i, 1});
    }
    ImageFolder listed = ImageFolder.list(folder.toString());
    List<ImageRecord> expected = new ArrayList<>();
    for (ImageFolder.Entry entry : listed.entries()) {
      expected.add(new ImageRecord(entry.key(), entry.label(), listed.read(entry)));
    }
    assertEquals(40, expected.size());

    PCollection<ImageRecord> images =
        pipeline
            .apply("Read", ImageDatasetIO.read(ImageSource.parse(folder.toString(), "auto")))
            .get(ImageDatasetIO.IMAGES);
    PAssert.that(images).containsInAnyOrder(expected);
    pipeline.run().waitUntilFinish();
  }

  /** Without it all files would be read where the one folder was listed. */
  @Test
  void partitionsAreReshuffledBeforeTheyAreRead() {
    pipeline.apply("Read", ImageDatasetIO.read(ImageSource.parse(folder.toString(), "auto")));
    List<String> names = new ArrayList<>();
    pipeline.traverseTopologically(
        new PipelineVisitor.Defaults() {
          @Override
          public CompositeBehavior enterCompositeTransform(TransformHierarchy.Node node) {
            if (node.getTransform() instanceof Reshuffle.ViaRandomKey) {
              names.add(node.getFullName());
            }
            return CompositeBehavior.ENTER_TRANSFORM;
          }
        });
    assertEquals(List.of("Read/Spread", "Read/Spread images of large partitions"), names);
  }

  @Test
  void missingFolderFailsThePipelineWithItsName() {
    pipeline.apply("Read", ImageDatasetIO.read(ImageSource.parse(folder + "/absent", "folder")));
    Throwable error = assertThrows(RuntimeException.class, () -> pipeline.run().waitUntilFinish());
    while (error != null && !(error instanceof InvalidInputException)) {
      error = error.getCause();
    }
    assertTrue(error != null && error.getMessage().contains(folder + "/absent"));
  }
}
