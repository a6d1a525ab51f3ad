package dev.beit2.pipelines.eval;

import com.fasterxml.jackson.core.JsonProcessingException;
import dev.beit2.io.InvalidInputException;
import dev.beit2.io.Json;
import dev.beit2.io.store.StoredFile;
import dev.beit2.pipelines.eval.ProbeResult.Estimate;
import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.stream.Collectors;
import java.util.stream.IntStream;
import javax.imageio.ImageIO;
import javax.imageio.stream.MemoryCacheImageOutputStream;

/** Writes what all seeds of a linear probe have found together. */
final class ProbeReport {
  private static final int SMALLEST_SIDE = 480; // of the picture, in pixels

  private final ProbeSpec spec;
  private final List<String> names;
  private final long[][] confusion;

  private ProbeReport(ProbeSpec spec, List<SeedResult> seeds, List<String> classes) {
    this.spec = spec;
    int count = spec.labels().size();
    this.names =
        spec.labels().stream()
            .map(
                label ->
                    label >= 0 && label < classes.size() ? classes.get(label) : label.toString())
            .toList();
    this.confusion = new long[count][count];
    for (SeedResult seed : seeds) {
      for (SeedResult.Cell cell : seed.confusion()) {
        confusion[cell.label()][cell.predicted()] += cell.count();
      }
    }
  }

  /**
   * Writes the four files.
   *
   * @param classes names by label; empty if they are not known
   */
  static ProbeResult write(
      String output, String preset, ProbeSpec spec, List<Long> seeds, List<String> classes)
      throws IOException {
    List<SeedResult> results = new ArrayList<>();
    for (long seed : seeds) {
      results.add(read(spec.result(seed)));
    }
    ProbeReport report = new ProbeReport(spec, results, classes);
    StoredFile.in(output, "confusion.csv").write(report.confusionTable());
    StoredFile.in(output, "confusion.png").write(report.confusionPicture());
    StoredFile.in(output, "classes.csv").write(report.classTable());
    ProbeResult result = result(preset, spec, seeds, results);
    result.write(output); // last: it says that all are there
    return result;
  }

  private static SeedResult read(StoredFile file) throws IOException {
    try {
      return Json.read(file.readText(), SeedResult.class);
    } catch (JsonProcessingException e) {
      throw new InvalidInputException(
          file.path() + ", which is no result (" + Json.reason(e) + ")",
          "one that linear-probe wrote; delete it, and it is computed again",
          e);
    }
  }

  private static ProbeResult result(
      String preset, ProbeSpec spec, List<Long> seeds, List<SeedResult> results) {
    Map<String, Estimate> vectors = new LinkedHashMap<>();
    for (String vector : spec.vectors()) {
      vectors.put(vector, Estimate.of(results.stream().map(r -> r.vectors().get(vector)).toList()));
    }
    return new ProbeResult(
        spec.train().manifest().metadata().backbone(),
        preset,
        spec.train().manifest().rows(),
        spec.validation().manifest().rows(),
        spec.labels().size(),
        Estimate.of(results.stream().map(SeedResult::top1).toList()),
        Estimate.of(results.stream().map(SeedResult::top5).toList()),
        vectors,
        IntStream.range(0, results.size())
            .mapToObj(
                i ->
                    new ProbeResult.Seed(
                        seeds.get(i),
                        results.get(i).vector(),
                        results.get(i).learningRate(),
                        results.get(i).heldOut(),
                        results.get(i).top1()))
            .toList());
  }

  /** A row for each true class, a column for each predicted one; counts of all seeds together. */
  private String confusionTable() {
    StringBuilder csv = new StringBuilder("class");
    names.forEach(name -> csv.append(',').append(quoted(name)));
    csv.append('\n');
    for (int c = 0; c < confusion.length; c++) {
      csv.append(quoted(names.get(c)));
      for (long count : confusion[c]) {
        csv.append(',').append(count);
      }
      csv.append('\n');
    }
    return csv.toString();
  }

  /** Of each class: images, how many of them were right, and how many of its predictions were. */
  private String classTable() {
    StringBuilder csv = new StringBuilder("label,class,images,recall,precision,mistaken_for\n");
    for (int c = 0; c < confusion.length; c++) {
      int label = c;
      long images = IntStream.range(0, confusion.length).mapToLong(p -> confusion[label][p]).sum();
      long predicted =
          IntStream.range(0, confusion.length).mapToLong(t -> confusion[t][label]).sum();
      int other =
          IntStream.range(0, confusion.length)
              .filter(p -> p != label && confusion[label][p] > 0)
              .reduce((a, b) -> confusion[label][b] > confusion[label][a] ? b : a)
              .orElse(-1);
      csv.append(
          List.of(
                  spec.labels().get(c).toString(),
                  quoted(names.get(c)),
                  Long.toString(images),
                  ratio(confusion[c][c], images),
                  ratio(confusion[c][c], predicted),
                  other < 0 ? "" : quoted(names.get(other)))
              .stream()
              .collect(Collectors.joining(",", "", "\n")));
    }
    return csv.toString();
  }

  private static String ratio(long part, long whole) {
    return whole == 0 ? "" : String.format(Locale.ROOT, "%.4f", (double) part / whole);
  }

  private static String quoted(String name) {
    return name.matches("[^\",\r\n]*") ? name : "\"" + name.replace("\"", "\"\"") + "\"";
  }

  /** Squares, the darker the more of a row's images they hold; rows are true classes. */
  private byte[] confusionPicture() throws IOException {
    int count = confusion.length;
    int cell = Math.max(1, (SMALLEST_SIDE + count - 1) / count);
    BufferedImage image =
        new BufferedImage(count * cell, count * cell, BufferedImage.TYPE_BYTE_GRAY);
    for (int row = 0; row < count; row++) {
      long images = 0;
      for (long n : confusion[row]) {
        images += n;
      }
      for (int column = 0; column < count; column++) {
        double part = images == 0 ? 0 : (double) confusion[row][column] / images;
        int grey = (int) Math.round(255 * (1 - part));
        int[] square = new int[cell * cell];
        Arrays.fill(square, grey);
        image.getRaster().setPixels(column * cell, row * cell, cell, cell, square);
      }
    }
    ByteArrayOutputStream png = new ByteArrayOutputStream();
    // By default ImageIO caches in a file.
    try (MemoryCacheImageOutputStream out = new MemoryCacheImageOutputStream(png)) {
      ImageIO.write(image, "png", out);
    }
    return png.toByteArray();
  }
}
