package dev.beit2.io.image;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.IOException;
import java.io.InputStream;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.stream.Stream;

/**
 * The images of src/test/resources/images; make_images.py and make_tiffs.py beside them made them.
 */
final class Images {
  private Images() {}

  /** A line of expected.tsv or expected_tiff.tsv: what Pillow makes of a file. */
  record Expected(String file, List<String> what, String size, String sha256) {
    void assertEqualTo(RgbImage actual) {
      String found = actual.width() + "x" + actual.height() + " " + digest(actual.rgb());
      if (!found.equals(size + " " + sha256)) {
        throw new AssertionError(file + " " + what + ": other pixels than Pillow's, " + found);
      }
    }
  }

  /** The lines about this: decode, resize or render. */
  static Stream<Expected> expected(String what) throws IOException {
    return Stream.of(bytes("expected.tsv"), bytes("expected_tiff.tsv"))
        .flatMap(file -> new String(file, UTF_8).lines().skip(1))
        .map(line -> line.split("\t", -1))
        .map(line -> new Expected(line[0], List.of(line[1].split(" ")), line[2], line[3]))
        .filter(expected -> expected.what().get(0).equals(what));
  }

  static byte[] bytes(String file) throws IOException {
    try (InputStream in = Images.class.getResourceAsStream("/images/" + file)) {
      return in.readAllBytes();
    }
  }

  static EncodedImage open(String file) throws IOException, UndecodableImageException {
    return EncodedImage.open(bytes(file), DecodingLimits.DEFAULT);
  }

  static RgbImage decode(String file) throws IOException, UndecodableImageException {
    return open(file).pixels();
  }

  private static String digest(byte[] bytes) {
    try {
      return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError(e);
    }
  }
}
