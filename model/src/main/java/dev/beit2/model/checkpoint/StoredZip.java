package dev.beit2.model.checkpoint;

import static dev.beit2.model.checkpoint.InvalidCheckpointException.shown;

import java.io.IOException;
import java.nio.channels.SeekableByteChannel;
import java.nio.charset.StandardCharsets;
import java.util.Collections;
import java.util.LinkedHashMap;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import javax.annotation.Nullable;

/**
 * The directory of a zip archive (PKWARE's APPNOTE, sections 4.3 and 4.5.3) whose entries are
 * stored, not compressed, so that parts of them can be read. PyTorch writes such archives, all with
 * the 64-bit extension.
 */
final class StoredZip {
  private static final int END_BYTES = 22;
  private static final int END_64_LOCATOR = 0x07064b50;
  private static final int END_64_LOCATOR_BYTES = 20;
  private static final int END_64 = 0x06064b50;
  private static final int END_64_BYTES = 56;
  private static final int DIRECTORY_ENTRY = 0x02014b50;
  private static final int LOCAL_ENTRY = 0x04034b50;
  private static final int LOCAL_ENTRY_BYTES = 30;
  private static final int LONGEST_COMMENT = 0xffff;
  private static final long LARGEST_DIRECTORY = 1 << 24;
  private static final long IN_EXTENSION = 0xffffffffL;
  private static final int EXTENSION_64 = 1;

  /** An entry, as the directory has it. */
  private record Entry(int method, int flags, long crc, long packed, long size, long local) {}

  /** Where the directory is. */
  private record Directory(long start, long size) {}

  private final SeekableByteChannel file;
  private final Map<String, Entry> entries;

  private StoredZip(SeekableByteChannel file, Map<String, Entry> entries) {
    this.file = file;
    this.entries = entries;
  }

  /**
   * Reads the directory.
   *
   * @throws InvalidCheckpointException if it is none, or has a name twice
   */
  static StoredZip read(SeekableByteChannel file) throws IOException {
    Directory directory = directory(file);
    if (directory.size() > LARGEST_DIRECTORY) {
      throw invalid("its directory has %d bytes".formatted(directory.size()));
    }
    FileWindow in = new FileWindow(file, directory.start(), directory.size());
    Map<String, Entry> entries = new LinkedHashMap<>();
    while (in.left() > 0) {
      if (in.i32() != DIRECTORY_ENTRY) {
        throw invalid("its directory is damaged");
      }
      readEntry(in, entries);
    }
    return new StoredZip(file, entries);
  }

  private static InvalidCheckpointException invalid(String why) {
    return new InvalidCheckpointException("not a zip archive of PyTorch: " + why);
  }

  /** Finds the directory by the end of the file. */
  private static Directory directory(SeekableByteChannel file) throws IOException {
    long size = file.size();
    int tail = (int) Math.min(size, END_BYTES + LONGEST_COMMENT);
    byte[] bytes = new FileWindow(file, size - tail, tail).bytes(tail);
    for (int at = tail - END_BYTES; at >= 0; at--) {
      if (bytes[at] == 'P' && bytes[at + 1] == 'K' && bytes[at + 2] == 5 && bytes[at + 3] == 6) {
        long end = size - tail + at;
        FileWindow in = new FileWindow(file, end, size - end);
        in.skip(12);
        long directoryBytes = in.u32();
        long start = in.u32();
        Directory extended = extended(file, end);
        return extended == null ? new Directory(start, directoryBytes) : extended;
      }
    }
    throw invalid("its end is missing");
  }

  @Nullable
  private static Directory extended(SeekableByteChannel file, long end) throws IOException {
    if (end < END_64_LOCATOR_BYTES) {
      return null;
    }
    FileWindow locator = new FileWindow(file, end - END_64_LOCATOR_BYTES, END_64_LOCATOR_BYTES);
    if (locator.i32() != END_64_LOCATOR) {
      return null;
    }
    locator.skip(4);
    FileWindow in = new FileWindow(file, locator.i64(), END_64_BYTES);
    if (in.i32() != END_64) {
      throw invalid("its directory is damaged");
    }
    in.skip(36);
    long directoryBytes = in.i64();
    return new Directory(in.i64(), directoryBytes);
  }

  private static void readEntry(FileWindow in, Map<String, Entry> entries) throws IOException {
    in.skip(4);
    int flags = in.u16();
    int method = in.u16();
    in.skip(4);
    long crc = in.u32();
    long[] extensible = {in.u32(), in.u32(), 0}; // packed, size, offset
    int nameBytes = in.u16();
    int extraBytes = in.u16();
    int commentBytes = in.u16();
    in.skip(8);
    extensible[2] = in.u32();
    String name = new String(in.bytes(nameBytes), StandardCharsets.UTF_8);
    long after = in.position() + extraBytes;
    while (after - in.position() >= 4) {
      int id = in.u16();
      long next = in.position() + 2 + in.u16();
      if (id == EXTENSION_64) {
        extend(in, next, extensible);
      }
      in.skip(Math.min(next, after) - in.position());
    }
    in.skip(after - in.position());
    in.skip(commentBytes);
    Entry entry = new Entry(method, flags, crc, extensible[0], extensible[1], extensible[2]);
    if (entries.put(name, entry) != null) {
      throw invalid("it has %s twice".formatted(shown(name)));
    }
  }

  /** Replaces the numbers that do not fit into 32 bits: size, packed size and offset, in order. */
  private static void extend(FileWindow in, long end, long[] packedSizeOffset) throws IOException {
    for (int i : new int[] {1, 0, 2}) {
      if (packedSizeOffset[i] == IN_EXTENSION && end - in.position() >= Long.BYTES) {
        packedSizeOffset[i] = in.i64();
      }
    }
  }

  /** The names of all entries, in the directory's order. */
  Set<String> names() {
    return Collections.unmodifiableSet(entries.keySet());
  }

  /**
   * Where an entry's bytes are; empty if there is no such entry.
   *
   * @throws InvalidCheckpointException if it is compressed or encrypted, or not within the file
   */
  Optional<FilePart> find(String name) throws IOException {
    Entry entry = entries.get(name);
    if (entry == null) {
      return Optional.empty();
    }
    if (entry.method() != 0 || (entry.flags() & 1) != 0 || entry.packed() != entry.size()) {
      throw invalid("%s is compressed or encrypted".formatted(shown(name)));
    }
    FileWindow local = new FileWindow(file, entry.local(), LOCAL_ENTRY_BYTES);
    if (local.i32() != LOCAL_ENTRY) {
      throw invalid("%s is not where its directory says".formatted(shown(name)));
    }
    local.skip(22);
    int nameBytes = local.u16();
    long start = entry.local() + LOCAL_ENTRY_BYTES + nameBytes + local.u16();
    new FileWindow(file, start, entry.size()); // fails if it is not within the file
    return Optional.of(new FilePart(start, entry.size(), entry.crc()));
  }
}
