package dev.beit2.io.store;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertArrayEquals;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.beit2.io.InvalidInputException;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Random;
import java.util.Set;
import java.util.stream.Stream;
import org.apache.beam.sdk.extensions.gcp.auth.NoopCredentialFactory;
import org.apache.beam.sdk.extensions.gcp.options.GcsOptions;
import org.apache.beam.sdk.io.FileSystems;
import org.apache.beam.sdk.options.PipelineOptionsFactory;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

final class StoredFileTest {
  private static final int PART = 1 << 18;

  @TempDir Path folder;
  private FakeGcs store;

  @BeforeEach
  void startStore() throws IOException {
    store = new FakeGcs();
    GcsOptions options = PipelineOptionsFactory.create().as(GcsOptions.class);
    options.setGcsEndpoint(store.endpoint());
    options.setCredentialFactoryClass(NoopCredentialFactory.class);
    options.setGcsUploadBufferSizeBytes(PART);
    FileSystems.setDefaultPipelineOptions(options);
  }

  @AfterEach
  void stopStore() {
    store.close();
    FileSystems.setDefaultPipelineOptions(PipelineOptionsFactory.create());
  }

  private static StoredFile stored(String name) {
    return StoredFile.in("gs://bucket", name);
  }

  private static byte[] bytes(int length) {
    byte[] bytes = new byte[length];
    new Random(length).nextBytes(bytes);
    return bytes;
  }

  private List<String> localFiles() throws IOException {
    try (Stream<Path> files = Files.list(folder)) {
      return files.map(file -> file.getFileName().toString()).sorted().toList();
    }
  }

  @Test
  void aLocalFileMayHaveAnyName() throws IOException {
    StoredFile file = StoredFile.in("file://" + folder + "/p [v2]/{a}*", "x[1].json");
    file.write("{}");
    file.write("[]");
    assertEquals("[]", file.readText());
    assertTrue(file.exists());
    assertEquals(2, file.length());
    String directory = file.path().substring(0, file.path().lastIndexOf('/'));
    assertEquals(List.of(file.path()), StoredFile.matching(directory, "x*.json"));
    file.deleteIfExists();
    assertFalse(file.exists());
    assertEquals(List.of(), StoredFile.matching(directory, "*"));
  }

  @Test
  void aLargeObjectIsUploadedInParts() throws IOException {
    byte[] content = bytes(2 * PART + 1000);
    WriteResult written =
        stored("a/b.parquet")
            .write(
                channel -> {
                  channel.write(ByteBuffer.wrap(content, 0, 1000));
                  channel.write(ByteBuffer.wrap(content, 1000, content.length - 1000));
                });
    assertArrayEquals(content, store.objects.get("a/b.parquet"));
    assertEquals(WriteResult.of(content), written);
    assertEquals(3, store.requests.stream().filter(line -> line.startsWith("PUT")).count());
  }

  @Test
  void aFailedWriteKeepsTheOldContent() throws IOException {
    stored("a").write("old");
    byte[] content = bytes(3 * PART);
    IOException thrown =
        assertThrows(
            IOException.class,
            () ->
                stored("a")
                    .write(
                        channel -> {
                          try (channel) { // as Parquet's writer does
                            channel.write(ByteBuffer.wrap(content));
                            throw new IOException("no more");
                          }
                        }));
    assertEquals("no more", thrown.getMessage());
    assertArrayEquals("old".getBytes(UTF_8), store.objects.get("a"));
    assertTrue(
        store.requests.stream().anyMatch(line -> line.startsWith("PUT")), "nothing was sent");
  }

  @Test
  void corruptionInTransitIsAnErrorThatNamesTheObject() {
    store.corrupting = true;
    byte[] content = bytes(PART);
    for (IOException thrown :
        List.of(
            assertThrows(IOException.class, () -> stored("a").write(content)),
            assertThrows(IOException.class, () -> stored("a.json").commit("state")),
            assertThrows(
                IOException.class,
                () -> stored("a").write(channel -> channel.write(ByteBuffer.wrap(content)))))) {
      assertTrue(thrown.getMessage().contains("gs://bucket/a"), thrown.getMessage());
    }
  }

  @Test
  void aCommitThatNobodyElseMadeSucceedsOnce() throws IOException {
    stored("manifest.json").commit("{}");
    assertEquals(Set.of("manifest.json"), store.objects.keySet());
    assertEquals(1, store.requests.size());
  }

  @Test
  void aCommitWhoseResponseWasLostSucceeds() throws IOException {
    store.lostAnswers.put("POST", 1);
    stored("manifest.json").commit("{}");
    assertEquals(Set.of("manifest.json"), store.objects.keySet());
    assertEquals(
        List.of("POST", "POST", "GET"),
        store.requests.stream().map(line -> line.substring(0, line.indexOf(' '))).toList());
  }

  @Test
  void anotherWritersCommitIsAnError() throws IOException {
    stored("manifest.json").commit("theirs");
    InvalidInputException refused =
        assertThrows(InvalidInputException.class, () -> stored("manifest.json").commit("ours"));
    assertEquals(
        "found gs://bucket/manifest.json written by another process meanwhile; wanted one process at a time",
        refused.getMessage());
    assertArrayEquals("theirs".getBytes(UTF_8), store.objects.get("manifest.json"));
  }

  /** As when another file system is mounted over the folder. */
  @Test
  void aFileSystemThatChangesWhileAFileIsWrittenIsNamed() {
    Path run = folder.resolve("run");
    StoredFile file = new StoredFile(run.resolve("model.safetensors").toString());
    IOException failure =
        assertThrows(
            IOException.class,
            () ->
                file.write(
                    channel -> {
                      channel.write(ByteBuffer.wrap(new byte[10]));
                      Files.move(run, folder.resolve("elsewhere"));
                    }));

    assertTrue(
        failure.getMessage().matches("cannot write .*/model.safetensors .the file system has .*"),
        failure::getMessage);
  }

  @Test
  void aLocalFileIsCompleteOrAbsent() throws IOException {
    StoredFile file = StoredFile.in(folder + "/", "a.json");
    assertEquals(WriteResult.of("old".getBytes(UTF_8)), file.write("old"));
    IOException thrown =
        assertThrows(
            IOException.class,
            () ->
                file.write(
                    channel -> {
                      channel.write(UTF_8.encode("half"));
                      throw new IOException("disk full");
                    }));
    assertEquals("cannot write " + file.path() + " (disk full)", thrown.getMessage());
    assertEquals("old", file.readText());
    file.commit("new");
    assertEquals("new", file.readText());
    assertEquals(List.of("a.json"), localFiles());
    assertTrue(store.requests.isEmpty());
  }
}
