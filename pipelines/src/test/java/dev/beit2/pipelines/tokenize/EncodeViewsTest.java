package dev.beit2.pipelines.tokenize;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNull;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.beit2.io.image.DecodingLimits;
import dev.beit2.io.image.ImageRecord;
import dev.beit2.io.image.RejectedImage;
import dev.beit2.io.image.RejectedImages;
import dev.beit2.io.shard.CodePacking;
import dev.beit2.io.shard.MimExample;
import dev.beit2.io.shard.ShardMetadata;
import dev.beit2.pipelines.Commands;
import dev.beit2.pipelines.cli.StageProgress;
import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicInteger;
import javax.imageio.ImageIO;
import org.apache.beam.sdk.Pipeline;
import org.apache.beam.sdk.PipelineResult;
import org.apache.beam.sdk.metrics.MetricNameFilter;
import org.apache.beam.sdk.metrics.MetricResult;
import org.apache.beam.sdk.metrics.MetricsFilter;
import org.apache.beam.sdk.options.PipelineOptionsFactory;
import org.apache.beam.sdk.testing.PAssert;
import org.apache.beam.sdk.testing.TestPipeline;
import org.apache.beam.sdk.transforms.Create;
import org.apache.beam.sdk.transforms.display.DisplayData;
import org.apache.beam.sdk.values.PCollectionTuple;
import org.junit.jupiter.api.Test;

final class EncodeViewsTest {
  private static final int SIDE = 32;
  private static final int GRID = 2;
  private static final int VIEWS = 3;
  private static final ShardMetadata SHARDS =
      new ShardMetadata("digest", 256, GRID, SIDE, VIEWS, 7, null, null);
  private static final ViewRecipe RECIPE =
      new ViewRecipe(0.2, 0.4, false, 0, DecodingLimits.DEFAULT);

  /**
   * The code of every patch is the image's mean red, 0 to 255. An image that is more green than red
   * fails, and so does every image if the encoder is broken.
   */
  private record FakeSource(boolean broken) implements PatchEncoder.Source {
    private static final long serialVersionUID = 1L;
    static final AtomicInteger OPEN = new AtomicInteger();
    static final AtomicInteger MOST_OPEN = new AtomicInteger();

    @Override
    public PatchEncoder open() {
      MOST_OPEN.accumulateAndGet(OPEN.incrementAndGet(), Math::max);
      return new PatchEncoder() {
        @Override
        public void encode(ByteBuffer images, int batch, int[] codes) {
          assertEquals(ByteOrder.nativeOrder(), images.order());
          assertEquals(batch * 3 * SIDE * SIDE * Float.BYTES, images.remaining());
          for (int i = 0; i < batch; i++) {
            float red = 0;
            float green = 0;
            for (int p = 0; p < SIDE * SIDE; p++) {
              red += images.asFloatBuffer().get(i * 3 * SIDE * SIDE + p);
              green += images.asFloatBuffer().get((i * 3 + 1) * SIDE * SIDE + p);
            }
            if (broken || green > red) {
              throw new IllegalStateException("too green");
            }
            for (int p = 0; p < GRID * GRID; p++) {
              codes[i * GRID * GRID + p] = Math.round(red / (SIDE * SIDE) * 255);
            }
          }
        }

        @Override
        public void close() {
          OPEN.decrementAndGet();
        }
      };
    }
  }

  private static ImageRecord image(String key, int rgb) throws IOException {
    return new ImageRecord(key, 1, encoded("png", rgb));
  }

  private static byte[] encoded(String format, int rgb) throws IOException {
    BufferedImage image = new BufferedImage(40, 50, BufferedImage.TYPE_INT_RGB);
    for (int y = 0; y < 50; y++) {
      for (int x = 0; x < 40; x++) {
        image.setRGB(x, y, rgb);
      }
    }
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    ImageIO.write(image, format, bytes);
    return bytes.toByteArray();
  }

  private static List<ImageRecord> images() throws IOException {
    List<ImageRecord> images = new ArrayList<>();
    for (int i = 0; i < 5; i++) {
      images.add(image("a/grey" + i, 0x202020 * (i + 1)));
    }
    images.add(image("b/green", 0x00ff00));
    images.add(new ImageRecord("b/text", 1, new byte[] {1, 2, 3}));
    // Its header is right: that pixels are missing shows when the first view is rendered.
    byte[] jpeg = encoded("jpeg", 0x808080);
    images.add(new ImageRecord("b/truncated", 1, Arrays.copyOf(jpeg, jpeg.length - 10)));
    return images;
  }

  private static EncodeViews encodeViews(FakeSource source, int batch) {
    StageProgress progress = StageProgress.of("test", 0, PipelineOptionsFactory.create());
    return new EncodeViews(source, SHARDS, RECIPE, batch, 1, progress);
  }

  @Test
  void encodesAllViewsAndRejectsWhatCannotBe() throws Exception {
    // A batch of 2 and one of 4 leave views of several images in one batch, and a rest at the
    // bundle's end.
    for (int batch : new int[] {1, 2, 4, 64}) {
      FakeSource.MOST_OPEN.set(0);
      Pipeline pipeline = TestPipeline.create().enableAbandonedNodeEnforcement(false);
      PCollectionTuple encoded =
          pipeline.apply(Create.of(images())).apply(encodeViews(new FakeSource(false), batch));
      PAssert.that(encoded.get(EncodeViews.ENCODED)).satisfies(EncodeViewsTest::checkEncoded);
      PAssert.that(encoded.get(EncodeViews.REJECTED)).satisfies(EncodeViewsTest::checkRejected);
      PipelineResult result = pipeline.run();
      result.waitUntilFinish();
      // The Direct runner adds a bundle's metrics up in a thread of its own.
      Commands.await("3 rejected", () -> counter(result, RejectedImages.COUNTER) == 3);
      assertEquals(1, FakeSource.MOST_OPEN.get());
      assertEquals(0, FakeSource.OPEN.get());
    }
  }

  private static Void checkEncoded(Iterable<MimExample> examples) {
    Map<String, MimExample> byKey = new HashMap<>();
    examples.forEach(example -> assertNull(byKey.put(example.key(), example)));
    assertEquals(5, byKey.size());
    MimExample example = byKey.get("a/grey0");
    assertEquals(List.of(40, 50, 1), List.of(example.width(), example.height(), example.label()));
    for (MimExample each : examples) {
      assertEquals(VIEWS, each.views().size());
      assertEquals(VIEWS, each.views().stream().map(view -> view.view()).distinct().count());
      each.views()
          .forEach(
              view -> {
                int[] codes = CodePacking.unpack(view.codes(), GRID * GRID, SHARDS.codeBits());
                // Jitter changes a grey's brightness, so each view has a code of its own: that of
                // its own pixels.
                int grey = 0x20 * (each.key().charAt(6) - '0' + 1);
                int expected = Math.min(255, Math.round(grey * view.view().brightness()));
                assertEquals(expected, codes[3], 3, each.key());
              });
    }
    return null;
  }

  private static Void checkRejected(Iterable<RejectedImage> images) {
    Map<String, String> reasons = new HashMap<>();
    images.forEach(image -> assertNull(reasons.put(image.key(), image.reason())));
    assertEquals(3, reasons.size());
    assertEquals("truncated or corrupt JPEG", reasons.get("b/truncated"));
    assertEquals("cannot be encoded: too green", reasons.get("b/green"));
    assertTrue(reasons.containsKey("b/text"));
    return null;
  }

  private static long counter(PipelineResult result, String name) {
    MetricsFilter filter =
        MetricsFilter.builder()
            .addNameFilter(MetricNameFilter.named(EncodeViews.class, name))
            .build();
    long sum = 0;
    for (MetricResult<Long> metric : result.metrics().queryMetrics(filter).getCounters()) {
      sum += metric.getAttempted();
    }
    return sum;
  }

  @Test
  void aBrokenEncoderIsNotTheImagesFault() throws IOException {
    Pipeline pipeline = TestPipeline.create().enableAbandonedNodeEnforcement(false);
    pipeline.apply(Create.of(images())).apply(encodeViews(new FakeSource(true), 4));
    assertThrows(Pipeline.PipelineExecutionException.class, () -> pipeline.run().waitUntilFinish());
  }

  @Test
  void displayDataNamesTheParameters() {
    Map<String, Object> shown = new HashMap<>();
    DisplayData.from(encodeViews(new FakeSource(false), 4))
        .items()
        .forEach(item -> shown.put(item.getKey(), item.getValue()));
    assertEquals(
        Map.of(
            "tokenizerDigest", "digest",
            "views", 3L,
            "inputSize", 32L,
            "seed", 7L,
            "colorJitter", 0.4,
            "centerView", false,
            "storeSize", 0L,
            "batchSize", 4L),
        shown);
  }
}
