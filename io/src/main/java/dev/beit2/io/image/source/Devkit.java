package dev.beit2.io.image.source;

import static java.nio.charset.StandardCharsets.US_ASCII;

import dev.beit2.io.InputFiles;
import dev.beit2.io.InvalidInputException;
import java.io.BufferedInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.nio.channels.Channels;
import java.util.Collections;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeMap;
import java.util.zip.GZIPInputStream;
import org.apache.commons.compress.archivers.tar.TarArchiveEntry;
import org.apache.commons.compress.archivers.tar.TarArchiveInputStream;
import us.hebi.matlab.mat.format.Mat5;
import us.hebi.matlab.mat.types.Sources;
import us.hebi.matlab.mat.types.Struct;

/**
 * The classes of ImageNet's validation images: line i of the ground truth is the ILSVRC2012_ID of
 * image i's class, which the list in {@code meta.mat} translates into its wnid. Labels are indices
 * into the sorted wnids, as those of the training images are.
 */
final class Devkit {
  static final String NAME = "ILSVRC2012_devkit_t12.tar.gz";

  private static final String FOLDER = "ILSVRC2012_devkit_t12/";
  private static final String GROUND_TRUTH = "data/ILSVRC2012_validation_ground_truth.txt";
  private static final String META = "data/meta.mat";
  private static final int MOST = 64 << 20;
  private static final String WANTED = "the devkit of ILSVRC2012 as it is downloaded";

  private final List<String> classes;
  private final int[] labels;

  private Devkit(List<String> classes, int[] labels) {
    this.classes = classes;
    this.labels = labels;
  }

  /**
   * The devkit in the folder of an archive, packed or extracted; empty if there is none.
   *
   * @throws InvalidInputException if it is broken
   */
  static Optional<Devkit> beside(String archive) throws IOException {
    String folder = archive.substring(0, archive.lastIndexOf('/') + 1);
    if (InputFiles.exists(folder + FOLDER + GROUND_TRUTH)) {
      String path = folder + FOLDER;
      return Optional.of(read(path, read(path + GROUND_TRUTH), read(path + META)));
    }
    String packed = folder + NAME;
    return InputFiles.exists(packed) ? Optional.of(unpack(packed)) : Optional.empty();
  }

  private static Devkit unpack(String path) throws IOException {
    Map<String, byte[]> files = new HashMap<>();
    try (InputStream in = new BufferedInputStream(open(path));
        TarArchiveInputStream tar = new TarArchiveInputStream(new GZIPInputStream(in))) {
      for (TarArchiveEntry e = tar.getNextEntry(); e != null; e = tar.getNextEntry()) {
        for (String wanted : List.of(GROUND_TRUTH, META)) {
          if (e.getName().endsWith(wanted)) {
            files.put(wanted, tar.readNBytes(MOST));
          }
        }
      }
    } catch (IOException e) {
      throw new InvalidInputException(path + " unreadable (" + e.getMessage() + ")", WANTED, e);
    }
    if (files.size() < 2) {
      throw new InvalidInputException(
          path + " without " + (files.containsKey(META) ? GROUND_TRUTH : META), WANTED);
    }
    return read(path, files.get(GROUND_TRUTH), files.get(META));
  }

  private static InputStream open(String path) throws IOException {
    return Channels.newInputStream(InputFiles.open(path));
  }

  private static byte[] read(String path) throws IOException {
    try (InputStream in = open(path)) {
      return in.readNBytes(MOST);
    }
  }

  private static Devkit read(String path, byte[] groundTruth, byte[] meta) {
    try {
      Map<Integer, String> wnids = wnids(meta);
      List<String> classes = wnids.values().stream().sorted().toList();
      int[] labels =
          new String(groundTruth, US_ASCII)
              .lines()
              .filter(line -> !line.isBlank())
              .map(line -> wnids.getOrDefault(Integer.valueOf(line.strip()), ""))
              .mapToInt(wnid -> Collections.binarySearch(classes, wnid))
              .toArray();
      return new Devkit(classes, labels);
    } catch (IOException | RuntimeException e) { // what Mat5 makes of nonsense
      throw new InvalidInputException(path + " unreadable (" + e.getMessage() + ")", WANTED, e);
    }
  }

  /** The wnids of the classes (synsets without children) by their ILSVRC2012_ID. */
  private static Map<Integer, String> wnids(byte[] meta) throws IOException {
    Struct synsets = Mat5.newReader(Sources.wrap(meta)).readMat().getStruct("synsets");
    Map<Integer, String> wnids = new TreeMap<>();
    for (int i = 0; i < synsets.getNumElements(); i++) {
      if (synsets.getMatrix("num_children", i).getInt(0) == 0) {
        int id = synsets.getMatrix("ILSVRC2012_ID", i).getInt(0);
        wnids.put(id, synsets.getChar("WNID", i).getString());
      }
    }
    return wnids;
  }

  /** The wnids, sorted. */
  List<String> classes() {
    return classes;
  }

  /**
   * The label of a validation image.
   *
   * @param image its number, from 1
   */
  int label(int image) {
    if (image < 1 || image > labels.length || labels[image - 1] < 0) {
      throw new InvalidInputException(
          "no class for validation image " + image + " of ILSVRC2012", WANTED);
    }
    return labels[image - 1];
  }
}
