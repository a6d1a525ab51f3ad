package dev.beit2.pipelines.report;

import dev.beit2.pipelines.html.Html;
import dev.beit2.pipelines.report.ReportData.Example;
import java.awt.image.BufferedImage;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.util.Base64;
import java.util.Locale;
import javax.imageio.ImageIO;
import javax.imageio.stream.MemoryCacheImageOutputStream;

/** An image, the same image with its masked patches grey, and its codes as a coloured grid. */
final class ImagePanels {
  private static final int GREY = 0x8a8a8a;
  private static final double GOLDEN_ANGLE = 137.50776405003785;
  // On a finer grid the labels are too small to read.
  private static final int LABELLED_GRID = 10;
  private static final int CELL = 20;

  private ImagePanels() {}

  static String figure(Example example) throws IOException {
    int masked = 0;
    for (boolean patch : example.mask()) {
      masked += patch ? 1 : 0;
    }
    String name = Html.escape(example.name());
    String fraction = masked + " of " + example.mask().length + " patches";
    return "<figure class=\"example\">\n<figcaption>"
        + name
        + "</figcaption>\n<div class=\"panels\">\n"
        + image(png(example, false), "The image " + name)
        + image(png(example, true), name + " with " + fraction + " masked")
        + codes(example, "The codes of " + name + " as coloured cells")
        + "</div>\n</figure>\n";
  }

  private static String image(byte[] png, String alternative) {
    return "<img alt=\""
        + alternative
        + "\" src=\"data:image/png;base64,"
        + Base64.getEncoder().encodeToString(png)
        + "\">\n";
  }

  /**
   * Encodes the image as PNG.
   *
   * @param masked whether masked patches are grey
   */
  static byte[] png(Example example, boolean masked) throws IOException {
    int size = example.size();
    int grid = example.grid();
    BufferedImage image = new BufferedImage(size, size, BufferedImage.TYPE_INT_RGB);
    byte[] rgb = example.rgb();
    for (int y = 0; y < size; y++) {
      for (int x = 0; x < size; x++) {
        int at = (y * size + x) * 3;
        int colour = (rgb[at] & 0xff) << 16 | (rgb[at + 1] & 0xff) << 8 | (rgb[at + 2] & 0xff);
        boolean hidden = masked && example.mask()[y * grid / size * grid + x * grid / size];
        image.setRGB(x, y, hidden ? GREY : colour);
      }
    }
    ByteArrayOutputStream png = new ByteArrayOutputStream();
    // By default ImageIO caches in a file.
    try (MemoryCacheImageOutputStream out = new MemoryCacheImageOutputStream(png)) {
      ImageIO.write(image, "png", out);
    }
    return png.toByteArray();
  }

  /** The colour of a code. Consecutive codes get distant hues. */
  static String colour(int code) {
    return String.format(
        Locale.ROOT,
        "hsl(%.0f %d%% %d%%)",
        code * GOLDEN_ANGLE % 360,
        // Hues repeat; three tones distinguish more codes.
        code % 3 == 1 ? 45 : 70,
        code % 3 == 2 ? 78 : 68);
  }

  private static String codes(Example example, String alternative) {
    int grid = example.grid();
    int side = grid * CELL;
    StringBuilder svg = new StringBuilder();
    svg.append(
        String.format(
            Locale.ROOT,
            "<svg class=\"codes\" viewBox=\"0 0 %d %d\" role=\"img\" aria-label=\"%s\">\n",
            side,
            side,
            alternative));
    for (int i = 0; i < example.codes().length; i++) {
      int x = i % grid * CELL;
      int y = i / grid * CELL;
      int code = example.codes()[i];
      svg.append(
          String.format(
              Locale.ROOT,
              "<g><title>code %d%s</title><rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" fill=\"%s\"/>",
              code,
              example.mask()[i] ? ", masked" : "",
              x,
              y,
              CELL,
              CELL,
              colour(code)));
      if (example.mask()[i]) {
        svg.append(
            String.format(
                Locale.ROOT,
                "<rect class=\"target\" x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\"/>",
                x + 1,
                y + 1,
                CELL - 2,
                CELL - 2));
      }
      if (grid <= LABELLED_GRID) {
        svg.append(
            String.format(
                Locale.ROOT,
                "<text x=\"%d\" y=\"%.1f\">%d</text>",
                x + CELL / 2,
                y + CELL / 2 + 2.8,
                code));
      }
      svg.append("</g>\n");
    }
    return svg.append("</svg>\n").toString();
  }
}
