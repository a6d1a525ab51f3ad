package dev.beit2.pipelines.segment;

import dev.beit2.pipelines.html.Html;
import java.io.IOException;
import java.util.Base64;
import java.util.Locale;
import java.util.Map;
import javax.annotation.Nullable;

/**
 * {@code segmentation.html}: how well a segmenter does on each class, and pictures of what it
 * found.
 *
 * @param pictures PNG files by the image's key: the image, under its mask, under the predicted one
 */
record SegmentationPage(SegmentationResult result, Map<String, byte[]> pictures) {
  /** The page, which loads nothing. */
  String html() throws IOException {
    StringBuilder html = new StringBuilder(Html.head("Segmentation"));
    html.append("<h1>Segmentation</h1>\n<p>")
        .append(
            "%d held-out images. mIoU %s, mAcc %s, aAcc %s.</p>\n"
                .formatted(
                    result.images(),
                    percent(result.meanIou()),
                    percent(result.meanAccuracy()),
                    percent(result.pixelAccuracy())));
    html.append("<table>\n<tr><th>class</th><th>IoU</th><th>accuracy</th><th>pixels</th></tr>\n");
    for (SegmentationResult.ClassResult row : result.classes()) {
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
