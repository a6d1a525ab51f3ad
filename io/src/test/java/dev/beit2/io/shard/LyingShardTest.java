package dev.beit2.io.shard;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertFalse;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.beit2.io.InvalidInputException;
import dev.beit2.io.image.View;
import dev.beit2.io.shard.ShardManifest.Shard;
import dev.beit2.io.store.StoredFile;
import java.io.ByteArrayInputStream;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.function.Consumer;
import org.apache.parquet.format.ColumnMetaData;
import org.apache.parquet.format.FileMetaData;
import org.apache.parquet.format.SchemaElement;
import org.apache.parquet.format.Util;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Shards that their manifests describe, but whose rows or footers lie. */
class LyingShardTest {
  private static final String FILE = "shard-00000-of-00001.parquet";

  @TempDir Path folder;

  private void write(List<MimExample> rows) throws IOException {
    ShardFolder shards = new ShardFolder(folder.toString());
    manifest(ShardFile.write(shards, FILE, Examples.METADATA, 1 << 20, rows));
  }

  private void manifest(Shard shard) throws IOException {
    Files.writeString(
        folder.resolve(ShardManifest.FILE),
        ShardManifest.of(Examples.METADATA, List.of(shard)).toJson());
  }

  /** Changes the footer, and makes the manifest agree. */
  private void footer(Consumer<FileMetaData> change) throws IOException {
    Path file = folder.resolve(FILE);
    byte[] bytes = Files.readAllBytes(file);
    int length = ByteBuffer.wrap(bytes).order(ByteOrder.LITTLE_ENDIAN).getInt(bytes.length - 8);
    int start = bytes.length - 8 - length;
    FileMetaData metadata = Util.readFileMetaData(new ByteArrayInputStream(bytes, start, length));
    change.accept(metadata);
    ByteArrayOutputStream changed = new ByteArrayOutputStream();
    changed.write(bytes, 0, start);
    Util.writeFileMetaData(metadata, changed);
    changed.write(
        ByteBuffer.allocate(4)
            .order(ByteOrder.LITTLE_ENDIAN)
            .putInt(changed.size() - start)
            .array());
    changed.write(bytes, bytes.length - 4, 4);
    Files.write(file, changed.toByteArray());
    long rows = ShardManifest.read(folder.toString()).rows();
    manifest(
        new Shard(
            FILE, rows, changed.size(), new StoredFile(file.toString()).measure().crc32cHex()));
  }

  private static MimExample with(MimExample row, List<EncodedView> views) {
    return new MimExample(row.key(), row.label(), row.width(), row.height(), row.jpeg(), views);
  }

  @Test
  void aRowThatDoesNotFitIsNamedOrLeftOut() throws IOException {
    MimExample sound = Examples.example(0);
    EncodedView view = sound.views().get(0);
    View inside = view.view();
    View outside =
        new View(100_000, inside.top(), inside.width(), inside.height(), false, 1, 1, 1, (byte) 0);
    int[] codes = new int[16];
    codes[5] = 100;
    expect("without the 2 views", with(sound, List.of()));
    expect(
        "with a view outside the image",
        with(sound, List.of(view, new EncodedView(outside, view.codes()))));
    expect(
        "with a code outside the codebook of 100",
        with(sound, List.of(view, new EncodedView(inside, CodePacking.pack(codes, 7)))));
  }

  private void expect(String fault, MimExample wrong) throws IOException {
    List<MimExample> rows = new ArrayList<>(Examples.examples(6));
    rows.set(3, new MimExample("wrong", 1, 500, 375, wrong.jpeg(), wrong.views()));
    write(rows);

    InvalidInputException refused =
        assertThrows(InvalidInputException.class, () -> read(MimShards.open(folder.toString())));
    assertTrue(refused.found().endsWith(FILE + " with a row " + fault + ", wrong"), refused::found);
    MimShards skipping = MimShards.openSkippingCorrupt(folder.toString());
    assertEquals(5, read(skipping));
    assertEquals("with a row " + fault + ", wrong", skipping.corrupt().get(0).reason());
    String problems = problems();
    assertTrue(problems.contains("1 rows " + fault + ", first wrong"), problems);
  }

  /** Reads an epoch; returns how many rows there were. */
  private static int read(MimShards shards) {
    MimShards.Epoch epoch = shards.epoch(0, 0);
    int found = 0;
    for (long position = 0; position < shards.examples(); position++) {
      found += epoch.find(position).isPresent() ? 1 : 0;
    }
    return found;
  }

  private String problems() {
    ShardVerification verification = ShardVerification.verify(folder.toString());
    assertFalse(verification.sound());
    return String.join("\n", verification.problems());
  }

  @Test
  void sizesBeyondTheFileDoNotHideRows() throws IOException {
    write(Examples.examples(6));
    footer(
        metadata ->
            metadata
                .getRow_groups()
                .get(0)
                .getColumns()
                .forEach(column -> column.getMeta_data().setTotal_compressed_size(1L << 62)));
    assertUnreadable("a row group outside the file");
  }

  @Test
  void aSchemaNestedTooDeeplyIsAReason() throws IOException {
    write(Examples.examples(6));
    footer(
        metadata -> {
          List<SchemaElement> schema = metadata.getSchema();
          schema.get(0).setNum_children(schema.get(0).getNum_children() + 1);
          SchemaElement leaf = schema.get(1).deepCopy();
          for (int i = 0; i < 50_000; i++) {
            schema.add(
                new SchemaElement("nested")
                    .setNum_children(1)
                    .setRepetition_type(leaf.getRepetition_type()));
          }
          schema.add(leaf);
        });
    assertUnreadable("types nested too deeply");
  }

  @Test
  void anotherColumnIsNamed() throws IOException {
    write(Examples.examples(6));
    footer(
        metadata -> {
          SchemaElement label =
              metadata.getSchema().stream()
                  .filter(column -> column.getName().equals("label"))
                  .findAny()
                  .orElseThrow();
          label.setName("lable");
          for (var group : metadata.getRow_groups()) {
            for (var column : group.getColumns()) {
              ColumnMetaData data = column.getMeta_data();
              if (data.getPath_in_schema().equals(List.of("label"))) {
                data.setPath_in_schema(List.of("lable"));
              }
            }
          }
        });
    assertUnreadable("'lable' not found");
  }

  private void assertUnreadable(String why) {
    InvalidInputException refused =
        assertThrows(InvalidInputException.class, () -> read(MimShards.open(folder.toString())));
    assertTrue(refused.found().contains(FILE + " unreadable ("), refused::found);
    assertTrue(refused.found().contains(why), refused::found);
    String problems = problems();
    assertTrue(problems.contains(why), problems);
    assertEquals(1, Arrays.stream(problems.split("\n")).count(), problems);
  }
}
