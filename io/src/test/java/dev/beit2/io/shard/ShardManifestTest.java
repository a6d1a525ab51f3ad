package dev.beit2.io.shard;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertThrows;
import static org.junit.jupiter.api.Assertions.assertTrue;

import dev.beit2.io.InvalidInputException;
import dev.beit2.io.image.GreyRange;
import dev.beit2.io.shard.ShardManifest.RowGroup;
import dev.beit2.io.shard.ShardManifest.Shard;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class ShardManifestTest {
  private static final String JSON =
      """
      {
        "schemaVersion" : 1,
        "tokenizerDigest" : "digest",
        "codebookSize" : 100,
        "grid" : 4,
        "inputSize" : 64,
        "views" : 2,
        "seed" : 17,
        "shards" : [ {
          "file" : "shard-00000-of-00001.parquet",
          "rows" : 3,
          "bytes" : 4000,
          "crc32c" : "0123abcd"
        } ]
      }""";

  private static final ShardManifest MANIFEST =
      ShardManifest.of(
          Examples.METADATA,
          List.of(new Shard("shard-00000-of-00001.parquet", 3, 4000, "0123abcd")));

  /** The same set with its row groups. */
  private static final String JSON_2 =
      JSON.replace("\"schemaVersion\" : 1", "\"schemaVersion\" : 2")
          .replace(
              "\"0123abcd\"",
              "\"0123abcd\",\n    \"rowGroups\" : [ [ 2, 4, 2000, 2100 ], [ 1, 2004, 900, 950 ] ]");

  private static final ShardManifest MANIFEST_2 =
      ShardManifest.of(
          Examples.METADATA,
          List.of(
              new Shard(
                  "shard-00000-of-00001.parquet",
                  3,
                  4000,
                  "0123abcd",
                  List.of(new RowGroup(2, 4, 2000, 2100), new RowGroup(1, 2004, 900, 950)))));

  @TempDir Path folder;

  @Test
  void jsonIsPinned() {
    assertEquals(JSON, MANIFEST.toJson());
    assertEquals(JSON_2, MANIFEST_2.toJson());
  }

  @Test
  void isReadAsItWasWritten() throws IOException {
    Files.writeString(folder.resolve("manifest.json"), JSON);
    assertEquals(MANIFEST, ShardManifest.read(folder.toString()));
    Files.writeString(folder.resolve("manifest.json"), JSON_2);
    assertEquals(MANIFEST_2, ShardManifest.read(folder.toString()));
    assertEquals(Examples.METADATA, MANIFEST.metadata());
    assertEquals(3, MANIFEST.rows());
  }

  /** Sets from before the precision was recorded do not have it; {@link #JSON} is one. */
  @Test
  void thePrecisionOfTheCodesIsRecorded() throws IOException {
    String json = JSON.replace("\"seed\" : 17,", "\"seed\" : 17,\n  \"precision\" : \"bf16\",");
    Files.writeString(folder.resolve("manifest.json"), json);
    ShardManifest manifest = ShardManifest.read(folder.toString());
    assertEquals("bf16", manifest.metadata().precision());
    assertEquals(json, manifest.toJson());
  }

  /** Sets whose images have no range, such as {@link #JSON}, do not have it. */
  @Test
  void theRangeOfGreyImagesIsRecorded() throws IOException {
    for (String range : new String[] {"0,4095", "minmax"}) {
      String json =
          JSON.replace("\"seed\" : 17,", "\"seed\" : 17,\n  \"greyRange\" : \"" + range + "\",");
      Files.writeString(folder.resolve("manifest.json"), json);
      ShardManifest manifest = ShardManifest.read(folder.toString());
      assertEquals(GreyRange.parse(range), manifest.metadata().greyRange());
      assertEquals(json, manifest.toJson());
    }
    assertFoundFor(
        JSON.replace("\"seed\" : 17,", "\"seed\" : 17, \"greyRange\" : \"9,5\","),
        "9,5 is not a range of values");
  }

  @Test
  void missingOrBrokenManifestsAreReportedInOneLine() throws IOException {
    assertFound("no manifest.json in " + folder);
    assertFoundFor("", "which is no manifest");
    assertFoundFor("{", "which is no manifest");
    assertFoundFor("[]", "which is no manifest");
    assertFoundFor("{}", "which is no manifest");
    assertFoundFor(JSON.replace("\"schemaVersion\" : 1", "\"schemaVersion\" : 3"), "version 3");
    assertFoundFor(JSON.replace("\"seed\" : 17,", ""), "which is no manifest");
    assertFoundFor(JSON.replace("\"digest\"", "null"), "which is no manifest");
    assertFoundFor(JSON.replace("\"rows\" : 3,", ""), "which is no manifest");
  }

  @Test
  void manifestsThatLieAreRefused() throws IOException {
    String shard = "shard-00000-of-00001.parquet";
    assertFoundFor(JSON + "{}", "which is no manifest");
    assertFoundFor(JSON.replace("\"seed\"", "\"views\""), "Duplicate field 'views'");
    assertFoundFor(JSON.replace(": 17", ": 17.5"), "which is no manifest");
    assertFoundFor(JSON.replace(": 17", ": \"17\""), "which is no manifest");
    assertFoundFor(JSON.replace("\"grid\" : 4", "\"grid\" : 0"), "grid is 0, not in [1, 256]");
    assertFoundFor(JSON.replace("\"views\" : 2", "\"views\" : -2"), "views is -2");
    assertFoundFor(JSON.replace("\"inputSize\" : 64", "\"inputSize\" : 63"), "63 pixels");
    assertFoundFor(JSON.replace("\"rows\" : 3", "\"rows\" : 0"), "rows=0");
    assertFoundFor(JSON.replace("0123abcd", "0123ABCDE"), "0123ABCDE");
    for (String path : List.of("../" + shard, "/etc/passwd", "..", ".hidden", "*.parquet", "")) {
      assertFoundFor(JSON.replace(shard, path), "is not the name of a file");
    }
    String listed = JSON.substring(JSON.indexOf("{\n    \"file\""), JSON.lastIndexOf(" ]"));
    assertFoundFor(JSON.replace(listed, listed + ", " + listed), shard + " twice");
    assertFoundFor(
        JSON.replace(listed, listed + ", " + listed.replace("shard-00000", "shard-")),
        "after " + shard);
  }

  @Test
  void rowGroupsThatLieAreRefused() throws IOException {
    String version1 = "\"schemaVersion\" : 1";
    String version2 = "\"schemaVersion\" : 2";
    assertFoundFor(JSON.replace(version1, version2), "with no row groups in schema version 2");
    assertFoundFor(JSON_2.replace(version2, version1), "with row groups in schema version 1");
    assertFoundFor(JSON_2.replace("[ 2, 4,", "[ 3, 4,"), "with row groups of 4 rows");
    assertFoundFor(JSON_2.replace("[ [ 2, 4, 2000, 2100 ],", "["), "with row groups of 1 rows");
    for (String outOfPlace :
        List.of(
            "[ 0, 4, 2000, 2100 ]",
            "[ 2147483650, 4, 2000, 2100 ]",
            "[ 2, 0, 2000, 2100 ]",
            "[ 2, -4, 2000, 2100 ]",
            "[ 2, 4, 2001, 2100 ]",
            "[ 2, 4, 0, 2100 ]",
            "[ 2, 4, 9223372036854775807, 2100 ]",
            "[ 2, 9223372036854775807, 9, 2100 ]",
            "[ 2, 4, 2000, -1 ]")) {
      assertFoundFor(JSON_2.replace("[ 2, 4, 2000, 2100 ]", outOfPlace), "out of place");
    }
    for (String none :
        List.of(
            "[ 2, 4, 2000 ]",
            "[ 2, 4, 2000, 2100, 1 ]",
            "[ 2, 4, 2000.5, 2100 ]",
            "[ 2, 4, \"2000\", 2100 ]",
            "[ 2, 4, null, 2100 ]",
            "null",
            "{}")) {
      assertFoundFor(JSON_2.replace("[ 2, 4, 2000, 2100 ]", none), "which is no manifest");
    }
  }

  @Test
  void controlCharactersOfAManifestDoNotReachTheMessage() throws IOException {
    Files.writeString(
        folder.resolve("manifest.json"), JSON.replace("shard-00000", "\\u001b[2J\\u202e"));
    String message =
        assertThrows(InvalidInputException.class, () -> ShardManifest.read(folder.toString()))
            .getMessage();
    assertTrue(message.contains("\\u001b[2J\\u202e"), message);
    assertTrue(message.chars().noneMatch(Character::isISOControl), message);
  }

  private void assertFoundFor(String json, String found) throws IOException {
    Files.writeString(folder.resolve("manifest.json"), json);
    assertFound(found);
  }

  private void assertFound(String found) {
    InvalidInputException error =
        assertThrows(
            InvalidInputException.class, () -> ShardManifest.read(folder.toString()), found);
    assertTrue(error.found().contains(found), error::getMessage);
    assertTrue(error.found().contains(folder.toString()), error::getMessage);
    assertEquals(1, error.getMessage().lines().count(), error::getMessage);
  }
}
