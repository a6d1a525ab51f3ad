package dev.beit2.model.torch;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.charset.StandardCharsets;
import java.util.Map;
import java.util.zip.CRC32;
import java.util.zip.ZipEntry;
import java.util.zip.ZipOutputStream;

/**
 * Packs TorchScript text as the archive that libtorch loads: a stored (uncompressed) zip of the
 * text, and a pickle of one object of its class with boolean attributes.
 */
final class ScriptArchive {
  private static final String NAME = "kernels";

  private ScriptArchive() {}

  static byte[] of(String className, String text, Map<String, Boolean> attributes) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (ZipOutputStream zip = new ZipOutputStream(bytes)) {
      zip.setMethod(ZipOutputStream.STORED);
      store(zip, "data.pkl", pickle(className, attributes));
      store(zip, "code/__torch__.py", text.getBytes(StandardCharsets.UTF_8));
      store(zip, "constants.pkl", new byte[] {(byte) 0x80, 2, ')', '.'});
      store(zip, "version", "3\n".getBytes(StandardCharsets.US_ASCII));
    } catch (IOException e) {
      throw new UncheckedIOException(e);
    }
    return bytes.toByteArray();
  }

  private static void store(ZipOutputStream zip, String file, byte[] content) throws IOException {
    CRC32 crc = new CRC32();
    crc.update(content);
    ZipEntry entry = new ZipEntry(NAME + "/" + file);
    entry.setSize(content.length);
    entry.setCrc(crc.getValue());
    zip.putNextEntry(entry);
    zip.write(content);
    zip.closeEntry();
  }

  /** Protocol 2: {@code __torch__.NAME.__new__()} and a dictionary for its attributes. */
  private static byte[] pickle(String className, Map<String, Boolean> attributes)
      throws IOException {
    ByteArrayOutputStream out = new ByteArrayOutputStream();
    out.write(new byte[] {(byte) 0x80, 2});
    out.write(("c__torch__\n" + className + "\n").getBytes(StandardCharsets.US_ASCII));
    out.write(new byte[] {')', (byte) 0x81, '}', '('});
    for (Map.Entry<String, Boolean> attribute : attributes.entrySet()) {
      byte[] key = attribute.getKey().getBytes(StandardCharsets.UTF_8);
      out.write('X');
      out.write(ByteBuffer.allocate(4).order(ByteOrder.LITTLE_ENDIAN).putInt(key.length).array());
      out.write(key);
      out.write(attribute.getValue() ? 0x88 : 0x89);
    }
    out.write(new byte[] {'u', 'b', '.'});
    return out.toByteArray();
  }
}
