package dev.beit2.io.image;

import static java.nio.charset.StandardCharsets.UTF_8;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.ByteBuffer;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;
import java.util.List;
import java.util.stream.Stream;
import java.util.zip.CRC32;
import java.util.zip.DeflaterOutputStream;

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
    return open(bytes(file));
  }

  static EncodedImage open(byte[] bytes) throws UndecodableImageException {
    return EncodedImage.open(bytes, DecodingLimits.DEFAULT);
  }

  static RgbImage decode(String file) throws IOException, UndecodableImageException {
    return open(file).pixels();
  }

  /**
   * A grey PNG of 16 bits, one row high.
   *
   * @param significantBits that the file names; 0 if it names none
   */
  static byte[] grey16(int significantBits, int... samples) throws IOException {
    ByteBuffer row = ByteBuffer.allocate(1 + 2 * samples.length).put((byte) 0);
    for (int sample : samples) {
      row.putShort((short) sample);
    }
    return png16(0, significantBits, samples.length, row.array());
  }

  /**
   * A PNG of 16 bits, one row high.
   *
   * @param kind 0 of grey, 2 of colours, 4 of grey with transparency
   * @param row the filter and the samples
   */
  static byte[] png16(int kind, int significantBits, int width, byte[] row) throws IOException {
    ByteArrayOutputStream packed = new ByteArrayOutputStream();
    try (DeflaterOutputStream out = new DeflaterOutputStream(packed)) {
      out.write(row);
    }
    ByteBuffer header = ByteBuffer.allocate(13).putInt(width).putInt(1).put((byte) 16);
    ByteArrayOutputStream png = new ByteArrayOutputStream();
    png.write(bytes("png_named.jpg"), 0, 8);
    png.writeBytes(chunk("IHDR", header.put((byte) kind).array()));
    if (significantBits > 0) {
      png.writeBytes(chunk("sBIT", new byte[] {(byte) significantBits}));
    }
    png.writeBytes(chunk("IDAT", packed.toByteArray()));
    png.writeBytes(chunk("IEND", new byte[0]));
    return png.toByteArray();
  }

  static byte[] chunk(String type, byte[] data) {
    ByteBuffer chunk = ByteBuffer.allocate(data.length + 12).putInt(data.length);
    chunk.put(type.getBytes(UTF_8)).put(data);
    CRC32 checksum = new CRC32();
    checksum.update(chunk.array(), 4, data.length + 4);
    return chunk.putInt((int) checksum.getValue()).array();
  }

  private static String digest(byte[] bytes) {
    try {
      return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(bytes));
    } catch (NoSuchAlgorithmException e) {
      throw new AssertionError(e);
    }
  }
}
