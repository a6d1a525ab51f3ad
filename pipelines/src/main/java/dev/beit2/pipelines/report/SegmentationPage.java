package dev.beit2.pipelines.report;

import java.io.IOException;
import java.util.Base64;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import javax.annotation.Nullable;

/**
 * {@code segmentation.html}: how well a segmenter does on each class, and pictures of what it
 * found. Fractions are 0 to 1, null where there are no pixels.
 *
 * @param images that were measured
 * @param pictures PNG files by the image's key: the image, under its mask, under the predicted one
 */
public record SegmentationPage(
    long images,
    @Nullable Double meanIou,
    @Nullable Double meanAccuracy,
    @Nullable Double pixelAccuracy,
    List<Row> classes,
    Map<String, byte[]> pictures) {

  /** One class. */
  public record Row(String name, long pixels, @Nullable Double iou, @Nullable Double accuracy) {}

  /** The page, which loads nothing. */
  public String html() throws IOException {
    StringBuilder html = new StringBuilder(Html.head("Segmentation"));
    html.append("<h1>Segmentation</h1>\n<p>")
        .append(
            "%d held-out images. mIoU %s, mAcc %s, aAcc %s.</p>\n"
                .formatted(
                    images, percent(meanIou), percent(meanAccuracy), percent(pixelAccuracy)));
    html.append("<table>\n<tr><th>class</th><th>IoU</th><th>accuracy</th><th>pixels</th></tr>\n");
    for (Row row : classes) {
      html.append(
          "<tr><td>%s</td><td>%s</td><td>%s</td><td>%s</td></tr>\n"
              .formatted(
                  Html.escape(row.name()),
                  percent(row.iou()),
                  percent(row.accuracy()),
                  Html.number(row.pixels())));
    }
    html.append("</table>\n<p>Each picture: the image, its mask, what was found.</p>\n");
    pictures.forEach(
        (key, png) ->
            html.append(
                "<figure><figcaption>%1$s</figcaption>\n<img alt=\"%1$s\" src=\"data:image/png;base64,%2$s\"></figure>\n"
                    .formatted(Html.escape(key), Base64.getEncoder().encodeToString(png))));
    return html.append("</main>\n</html>\n").toString();
  }

  private static String percent(@Nullable Double fraction) {
    return fraction == null ? "–" : String.format(Locale.ROOT, "%.2f %%", 100 * fraction);
  }
}
