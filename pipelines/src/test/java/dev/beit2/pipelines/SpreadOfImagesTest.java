package dev.beit2.pipelines;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.beit2.io.image.ImageRecord;
import dev.beit2.io.image.source.ImageDatasetIO;
import dev.beit2.io.image.source.ImageSource;
import dev.beit2.pipelines.cli.Command;
import dev.beit2.pipelines.cli.CommandLine;
import dev.beit2.pipelines.options.ImageSourceOptions;
import java.io.IOException;
import java.io.OutputStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Map;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.atomic.AtomicInteger;
import org.apache.beam.runners.flink.FlinkPipelineOptions;
import org.apache.beam.sdk.Pipeline;
import org.apache.beam.sdk.transforms.DoFn;
import org.apache.beam.sdk.transforms.ParDo;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveOutputStream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** One worker reads a single archive, but all workers process its images. */
final class SpreadOfImagesTest {
  private static final int IMAGES = 60;
  private static final int WORKERS = 3;
  private static final Map<Integer, AtomicInteger> SEEN = new ConcurrentHashMap<>();

  @TempDir Path dir;

  private static final class CountByWorker extends DoFn<ImageRecord, Void> {
    private static final long serialVersionUID = 1L;

    @ProcessElement
    public void processElement(@Element ImageRecord image) {
      SEEN.computeIfAbsent(System.identityHashCode(this), worker -> new AtomicInteger())
          .incrementAndGet();
    }
  }

  @Test
  void imagesOfOneArchiveReachAllWorkers() throws IOException {
    Path archive = dir.resolve("train.tar");
    try (OutputStream file = Files.newOutputStream(archive);
        TarArchiveOutputStream tar = new TarArchiveOutputStream(file)) {
      for (int i = 0; i < IMAGES; i++) {
        TarArchiveEntry entry = new TarArchiveEntry(i + ".jpg");
        entry.setSize(100);
        tar.putArchiveEntry(entry);
        tar.write(new byte[100]);
        tar.closeArchiveEntry();
      }
    }
    Command<ImageSourceOptions> command =
        Command.of("spread", "", "", ImageSourceOptions.class, options -> 0)
            .withLocalParallelism(WORKERS);
    FlinkPipelineOptions options =
        CommandLine.parse(command, new String[0]).as(FlinkPipelineOptions.class);
    Pipeline pipeline = Pipeline.create(options);
    pipeline
        .apply("Read", ImageDatasetIO.read(ImageSource.parse(archive.toString(), "auto")))
        .get(ImageDatasetIO.IMAGES)
        .apply("Count", ParDo.of(new CountByWorker()));
    pipeline.run().waitUntilFinish();
    assertEquals(IMAGES, SEEN.values().stream().mapToInt(AtomicInteger::get).sum());
    assertEquals(WORKERS, SEEN.size(), SEEN.toString());
    SEEN.values().forEach(seen -> assertTrue(seen.get() >= IMAGES / WORKERS / 3, SEEN.toString()));
  }
}
