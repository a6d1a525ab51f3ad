package dev.beit2.pipelines;

import java.io.ByteArrayOutputStream;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.Channels;
import java.nio.channels.ReadableByteChannel;
import java.nio.channels.WritableByteChannel;
import java.util.ArrayList;
import java.util.Collection;
import java.util.Collections;
import java.util.List;
import java.util.SortedMap;
import java.util.concurrent.ConcurrentSkipListMap;
import java.util.regex.Pattern;
import org.apache.beam.sdk.io.FileSystem;
import org.apache.beam.sdk.io.FileSystemRegistrar;
import org.apache.beam.sdk.io.fs.CreateOptions;
import org.apache.beam.sdk.io.fs.MatchResult;
import org.apache.beam.sdk.io.fs.MatchResult.Metadata;
import org.apache.beam.sdk.io.fs.MoveOptions;
import org.apache.beam.sdk.io.fs.ResolveOptions;
import org.apache.beam.sdk.io.fs.ResolveOptions.StandardResolveOptions;
import org.apache.beam.sdk.io.fs.ResourceId;
import org.apache.beam.sdk.options.PipelineOptions;
import org.apache.commons.compress.utils.SeekableInMemoryByteChannel;

/**
 * {@code memory://…}: an object store in memory. There are no folders, a file is there when its
 * channel has been closed, nothing can be appended, and a path may hold no {@code //}.
 */
public final class MemoryFileSystem extends FileSystem<MemoryFileSystem.Resource> {
  public static final SortedMap<String, byte[]> FILES = new ConcurrentSkipListMap<>();

  /** What was done, such as {@code delete memory://…}, in order. */
  public static final List<String> LOG = Collections.synchronizedList(new ArrayList<>());

  /** Found by Beam through META-INF/services. */
  public static final class Registrar implements FileSystemRegistrar {
    @Override
    public Iterable<FileSystem<?>> fromOptions(PipelineOptions options) {
      return List.of(new MemoryFileSystem());
    }
  }

  record Resource(String path) implements ResourceId {
    @Override
    public ResourceId resolve(String other, ResolveOptions option) {
      boolean directory = option.equals(StandardResolveOptions.RESOLVE_DIRECTORY);
      return new Resource(path + other + (directory ? "/" : ""));
    }

    @Override
    public ResourceId getCurrentDirectory() {
      return new Resource(path.substring(0, path.lastIndexOf('/') + 1));
    }

    @Override
    public String getScheme() {
      return "memory";
    }

    @Override
    public String getFilename() {
      return path.substring(path.lastIndexOf('/') + 1);
    }

    @Override
    public boolean isDirectory() {
      return path.endsWith("/");
    }

    @Override
    public String toString() {
      return path;
    }
  }

  @Override
  protected String getScheme() {
    return "memory";
  }

  @Override
  protected Resource matchNewResource(String path, boolean directory) {
    if (path.substring("memory://".length()).contains("//")) {
      throw new IllegalArgumentException("an empty name in " + path);
    }
    return new Resource(path);
  }

  @Override
  protected List<MatchResult> match(List<String> globs) {
    List<MatchResult> results = new ArrayList<>();
    for (String glob : globs) {
      Pattern pattern = Pattern.compile("\\Q" + glob.replace("*", "\\E[^/]*\\Q") + "\\E");
      List<Metadata> found = new ArrayList<>();
      FILES.forEach(
          (path, bytes) -> {
            if (pattern.matcher(path).matches()) {
              found.add(
                  Metadata.builder()
                      .setResourceId(new Resource(path))
                      .setSizeBytes(bytes.length)
                      .setIsReadSeekEfficient(true)
                      .build());
            }
          });
      results.add(
          found.isEmpty()
              ? MatchResult.create(MatchResult.Status.NOT_FOUND, new FileNotFoundException(glob))
              : MatchResult.create(MatchResult.Status.OK, found));
    }
    return results;
  }

  @Override
  protected WritableByteChannel create(Resource resource, CreateOptions options) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    WritableByteChannel channel = Channels.newChannel(bytes);
    return new WritableByteChannel() {
      @Override
      public int write(ByteBuffer source) throws IOException {
        return channel.write(source);
      }

      @Override
      public boolean isOpen() {
        return channel.isOpen();
      }

      @Override
      public void close() throws IOException {
        channel.close();
        FILES.put(resource.path(), bytes.toByteArray());
        LOG.add("create " + resource);
      }
    };
  }

  @Override
  protected ReadableByteChannel open(Resource resource) throws IOException {
    return new SeekableInMemoryByteChannel(existing(resource));
  }

  @Override
  protected void copy(List<Resource> from, List<Resource> to) throws IOException {
    for (int i = 0; i < from.size(); i++) {
      FILES.put(to.get(i).path(), existing(from.get(i)));
    }
  }

  @Override
  protected void rename(List<Resource> from, List<Resource> to, MoveOptions... options)
      throws IOException {
    copy(from, to);
    for (int i = 0; i < from.size(); i++) {
      FILES.remove(from.get(i).path());
      LOG.add("rename " + to.get(i));
    }
  }

  @Override
  protected void delete(Collection<Resource> resources) throws IOException {
    for (Resource resource : resources) {
      byte[] unused = existing(resource);
      FILES.remove(resource.path());
      LOG.add("delete " + resource);
    }
  }

  private static byte[] existing(Resource resource) throws FileNotFoundException {
    byte[] bytes = FILES.get(resource.path());
    if (bytes == null) {
      throw new FileNotFoundException(resource.path());
    }
    return bytes;
  }
}
