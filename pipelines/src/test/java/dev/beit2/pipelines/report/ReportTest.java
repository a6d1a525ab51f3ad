package dev.beit2.pipelines.report;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertNotEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.beit2.io.shard.CodeUsage;
import dev.beit2.pipelines.report.ReportData.Chart;
import dev.beit2.pipelines.report.ReportData.Curve;
import dev.beit2.pipelines.report.ReportData.Evaluation;
import dev.beit2.pipelines.report.ReportData.Example;
import dev.beit2.pipelines.report.ReportData.Point;
import dev.beit2.pipelines.report.ReportData.Stage;
import java.awt.image.BufferedImage;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.HashSet;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.imageio.ImageIO;
import javax.xml.parsers.DocumentBuilderFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.w3c.dom.Document;

class ReportTest {
  private static final int SIZE = 8;

  /** Red on the left, blue on the right; the lower left of four patches is masked. */
  private static Example example(String name) {
    byte[] rgb = new byte[SIZE * SIZE * 3];
    for (int i = 0; i < SIZE * SIZE; i++) {
      rgb[3 * i + (i % SIZE < SIZE / 2 ? 0 : 2)] = (byte) 200;
    }
    return new Example(
        name, SIZE, rgb, 2, new boolean[] {false, false, true, false}, new int[] {7, 41, 7, 3});
  }

  private static ReportData data(double cls, double untrainedCls, String name) {
    DemoSummary summary =
        new DemoSummary(
            new DemoSummary.Tokenizer(0.86, 0.35, 3, 4, 2.5),
            new DemoSummary.Pretrain(11.2, 8.4, 0.29),
            new DemoSummary.Knn(cls, 0.31, untrainedCls, 0.24, 0.027, 0.033, 0.03),
            Map.of("pretrain", 62.0),
            2913);
    List<Point> points = new ArrayList<>();
    for (int step = 1; step <= 700; step++) {
      points.add(new Point(step, 5 + 2.0 / step));
    }
    Stage stage =
        new Stage(
            "Stage", "About.", List.of(new Chart("Loss", List.of(new Curve("loss", points)))));
    return new ReportData(
        "Demo of " + name,
        summary,
        new Evaluation(260, 330, 10, 10),
        List.of(stage),
        CodeUsage.of(new long[] {5, 0, 9, 1}),
        List.of(example(name)),
        Map.of("seed", "1"));
  }

  @Test
  void thePageLoadsNothing(@TempDir Path folder) throws IOException {
    Report.write(folder.toString(), data(0.5, 0.27, "bird"));
    String html = Files.readString(folder.resolve("report.html"));

    Matcher references = Pattern.compile("(?:src|href|url)\\s*[=(]\\s*[\"']?(.{5})").matcher(html);
    int images = 0;
    while (references.find()) {
      assertEquals("data:", references.group(1));
      images++;
    }
    assertEquals(2, images, "the image, and the image with its mask");
    assertFalse(html.contains("<script"), "a script");
    assertFalse(html.contains("http://") || html.contains("https://"), "an address");
  }

  @Test
  void textIsEscapedAndImagesHaveADescription() throws IOException {
    String html = Report.html(data(0.5, 0.27, "<b>\"&"));

    assertFalse(html.contains("<b>\"&"));
    assertTrue(html.contains("alt=\"The image &lt;b&gt;&quot;&amp;\""));
    assertTrue(html.contains("with 1 of 4 patches masked"));
  }

  @Test
  void theHeadlineClaimsNoMoreThanTheFigures() throws IOException {
    String doubt = "within the uncertainty";
    String failure = "did not help";

    String better = Report.html(data(0.50, 0.27, "x"));
    assertTrue(better.contains("classifies 50\u00a0% of 330 photographs correctly"));
    assertFalse(better.contains(doubt) || better.contains(failure));
    assertTrue(Report.html(data(0.30, 0.27, "x")).contains(doubt));
    assertTrue(Report.html(data(0.20, 0.27, "x")).contains(failure));
    assertTrue(Report.html(data(0.20, 0.27, "x")).contains("<td>−7\u00a0±\u00a03</tr>"));
  }

  @Test
  void aCurveRunsFromItsFirstPointToItsLast() throws Exception {
    String figure =
        LineChart.figure(
            new Chart(
                "Loss", List.of(new Curve("loss", List.of(new Point(0, 4), new Point(10, 2))))));
    Document svg =
        parse(figure.substring(figure.indexOf("<svg class=\"plot\"")).replace("</figure>", ""));

    assertEquals(
        "Loss; loss: 4 at step 0, 2 at step 10",
        svg.getDocumentElement().getAttribute("aria-label"));
    // From the upper left corner of the frame, down to the lower right one.
    assertTrue(figure.contains("class=\"line c0\" d=\"M54.0 12.0L426.0 210.0\""), figure);
  }

  @Test
  void aChartWithoutPointsSaysSo() {
    String figure = LineChart.figure(new Chart("Loss", List.of(new Curve("loss", List.of()))));

    assertTrue(figure.contains("Nothing was logged."));
    assertFalse(figure.contains("NaN"));
  }

  @Test
  void missingAndNonFiniteMetricsHaveNoPoint() {
    Curve curve =
        Curve.of(
            "loss",
            List.of(
                Map.of("step", 1.0, "loss", 3.0),
                Map.of("step", 2.0),
                Map.of("step", 3.0, "loss", Double.NaN)),
            "loss");

    assertEquals(List.of(new Point(1, 3)), curve.points());
  }

  @Test
  void aBarIsAsHighAsItsCodeIsUsed() {
    CodeUsage usage = CodeUsage.of(new long[] {5, 0, 10});

    String sorted = UsageHistogram.byUse(usage);
    assertTrue(sorted.contains("<title>rank 0: 10</title>"), sorted);
    assertTrue(sorted.contains("<title>rank 1: 5</title>"), sorted);
    String byNumber = UsageHistogram.byNumber(usage);
    assertTrue(byNumber.contains("<title>code 0: 5</title>"), byNumber);
    assertFalse(byNumber.contains("<title>code 1:"), byNumber);
    assertTrue(byNumber.contains("2 of 3 in use"), byNumber);
  }

  @Test
  void manyCodesShareBarsWithoutLosingAny() {
    long[] counts = new long[8192];
    Arrays.fill(counts, 3);

    Matcher bars =
        Pattern.compile("codes (\\d+) to (\\d+): 3<")
            .matcher(UsageHistogram.byNumber(CodeUsage.of(counts)));
    int next = 0;
    while (bars.find()) {
      assertEquals(next, Integer.parseInt(bars.group(1)));
      next = Integer.parseInt(bars.group(2)) + 1;
    }
    assertEquals(8192, next);
  }

  @Test
  void theMaskedPatchAloneIsGrey() throws IOException {
    BufferedImage plain = decode(ImagePanels.png(example("x"), false));
    BufferedImage masked = decode(ImagePanels.png(example("x"), true));

    for (int y = 0; y < SIZE; y++) {
      for (int x = 0; x < SIZE; x++) {
        int colour = x < SIZE / 2 ? 0xffc80000 : 0xff0000c8;
        assertEquals(colour, plain.getRGB(x, y));
        assertEquals(x < 4 && y >= 4 ? 0xff8a8a8a : colour, masked.getRGB(x, y));
      }
    }
  }

  @Test
  void everyPatchShowsItsCode() throws Exception {
    String figure = ImagePanels.figure(example("x"));

    assertTrue(figure.contains("<title>code 41</title>"), figure);
    assertTrue(figure.contains("<title>code 7, masked</title>"), figure);
    assertEquals(1, figure.split("class=\"target\"", -1).length - 1);
    Document svg = parse(figure.substring(figure.indexOf("<svg"), figure.indexOf("</svg>") + 6));
    assertEquals(4, svg.getElementsByTagName("text").getLength());
  }

  @Test
  void codesHaveColoursOfTheirOwn() {
    Set<String> colours = new HashSet<>();
    for (int code = 0; code < 256; code++) {
      colours.add(ImagePanels.colour(code));
    }

    assertTrue(colours.size() > 200, () -> colours.size() + " colours");
    assertNotEquals(ImagePanels.colour(0), ImagePanels.colour(1));
  }

  @Test
  void anImageOfAnotherSizeThanItSaysIsRefused() {
    IllegalArgumentException refused =
        assertThrows(
            IllegalArgumentException.class,
            () -> new Example("x", 9, new byte[8 * 8 * 3], 1, new boolean[1], new int[1]));

    assertEquals("rgb has length 192, not 243", refused.getMessage());
  }

  private static BufferedImage decode(byte[] png) throws IOException {
    return ImageIO.read(new ByteArrayInputStream(png));
  }

  private static Document parse(String svg) throws Exception {
    String whole = svg.substring(0, svg.lastIndexOf("</svg>") + "</svg>".length());
    return DocumentBuilderFactory.newInstance()
        .newDocumentBuilder()
        .parse(new ByteArrayInputStream(whole.getBytes(UTF_8)));
  }
}
