package dev.beit2.model.checkpoint;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.ReadableByteChannel;
import java.security.MessageDigest;
import java.security.NoSuchAlgorithmException;
import java.util.HexFormat;

/** Computes the digest of a model's file while it is read. Closing it closes the file. */
public final class Sha256Channel implements ReadableByteChannel {
  private final ReadableByteChannel file;
  private final MessageDigest sha256;

  /** A file that has not been read yet. */
  public Sha256Channel(ReadableByteChannel file) {
    this.file = file;
    try {
      this.sha256 = MessageDigest.getInstance("SHA-256");
    } catch (NoSuchAlgorithmException e) {
      throw new IllegalStateException(e);
    }
  }

  @Override
  public int read(ByteBuffer to) throws IOException {
    int start = to.position();
    int count = file.read(to);
    if (count > 0) {
      sha256.update(to.slice(start, count));
    }
    return count;
  }

  /** The digest of what was read, as hexadecimal digits. It can be asked for once. */
  public String digest() {
    return HexFormat.of().formatHex(sha256.digest());
  }

  @Override
  public boolean isOpen() {
    return file.isOpen();
  }

  @Override
  public void close() throws IOException {
    file.close();
  }
}
