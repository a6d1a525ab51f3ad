package dev.beit2.io;

import java.io.BufferedInputStream;
import java.io.BufferedOutputStream;
import java.io.Closeable;
import java.io.DataInputStream;
import java.io.DataOutputStream;
import java.io.EOFException;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.PriorityQueue;
import javax.annotation.Nullable;

/**
 * Sorts files by name, however many: all but the last 200,000 are in a temporary file. Files that
 * come in order, as a bucket lists them, are only copied.
 *
 * <pre>{@code
 * try (SortedFiles files = new SortedFiles()) {
 *   files.add("b/2.jpg", 1000);
 *   files.add("a/1.jpg", 2000);
 *   files.forEach((name, bytes) -> …);
 * }
 * }</pre>
 */
public final class SortedFiles implements Closeable {
  private static final int IN_MEMORY = 200_000;

  private record Listed(String name, long bytes) {}

  /** Receives the files. */
  public interface Receiver {
    void accept(String name, long bytes) throws IOException;
  }

  private final int inMemory;
  private final List<Path> runs = new ArrayList<>(); // each is sorted
  private final List<Listed> buffer = new ArrayList<>();
  @Nullable private DataOutputStream run;
  private String last = ""; // name of the run
  private long size;

  public SortedFiles() {
    this(IN_MEMORY);
  }

  SortedFiles(int inMemory) {
    this.inMemory = inMemory;
  }

  /** Adds a file. */
  public void add(String name, long bytes) throws IOException {
    buffer.add(new Listed(name, bytes));
    size++;
    if (buffer.size() == inMemory) {
      flush();
    }
  }

  /** How many were added. */
  public long size() {
    return size;
  }

  private void flush() throws IOException {
    buffer.sort(Comparator.comparing(Listed::name));
    if (run == null || buffer.get(0).name().compareTo(last) < 0) {
      closeRun();
      Path file = Files.createTempFile("beit2-listing-", ".tmp");
      runs.add(file);
      run = new DataOutputStream(new BufferedOutputStream(Files.newOutputStream(file), 1 << 16));
    }
    for (Listed listed : buffer) {
      run.writeUTF(listed.name());
      run.writeLong(listed.bytes());
    }
    last = buffer.get(buffer.size() - 1).name();
    buffer.clear();
  }

  private void closeRun() throws IOException {
    if (run != null) {
      run.close();
      run = null;
    }
  }

  /** Passes all files in the order of their names. */
  public void forEach(Receiver receiver) throws IOException {
    closeRun();
    buffer.sort(Comparator.comparing(Listed::name));
    PriorityQueue<Run> heads = new PriorityQueue<>(Comparator.comparing(r -> r.head.name()));
    List<Run> opened = new ArrayList<>();
    try {
      for (Path file : runs) {
        opened.add(new Run(file));
      }
      for (Run each : opened) {
        if (each.advance()) {
          heads.add(each);
        }
      }
      int inBuffer = 0;
      while (!heads.isEmpty()) {
        Run first = heads.remove();
        for (; inBuffer < buffer.size(); inBuffer++) {
          Listed listed = buffer.get(inBuffer);
          if (listed.name().compareTo(first.head.name()) > 0) {
            break;
          }
          receiver.accept(listed.name(), listed.bytes());
        }
        receiver.accept(first.head.name(), first.head.bytes());
        if (first.advance()) {
          heads.add(first);
        }
      }
      for (; inBuffer < buffer.size(); inBuffer++) {
        receiver.accept(buffer.get(inBuffer).name(), buffer.get(inBuffer).bytes());
      }
    } finally {
      for (Run each : opened) {
        each.in.close();
      }
    }
  }

  private static final class Run {
    private final DataInputStream in;
    private Listed head;

    Run(Path file) throws IOException {
      in = new DataInputStream(new BufferedInputStream(Files.newInputStream(file), 1 << 16));
    }

    boolean advance() throws IOException {
      try {
        head = new Listed(in.readUTF(), in.readLong());
        return true;
      } catch (EOFException e) {
        return false;
      }
    }
  }

  @Override
  public void close() throws IOException {
    closeRun();
    for (Path file : runs) {
      Files.deleteIfExists(file);
    }
    runs.clear();
    buffer.clear();
  }
}
