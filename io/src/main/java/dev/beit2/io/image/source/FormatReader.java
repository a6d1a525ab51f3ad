package dev.beit2.io.image.source;

import dev.beit2.io.InvalidInputException;
import dev.beit2.io.image.ImageRecord;
import dev.beit2.io.image.RejectedImage;
import dev.beit2.io.image.UndecodableImageException;
import dev.beit2.io.store.StoredFile;
import dev.beit2.io.store.UnreadableFileException;
import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.FileSystemException;
import java.nio.file.NoSuchFileException;
import java.util.List;
import java.util.OptionalLong;
import javax.annotation.Nullable;

/** Reads sets of images of one format. One thread at a time may use an instance. */
interface FormatReader {
  /**
   * What is known of a source before its images are read.
   *
   * @param partitions in the order of their names
   * @param rejected broken files that belong to no partition
   * @param classes by label; empty where they are not known
   * @param images the number of images; empty if it is not known
   * @param unlabelled why images have no labels, or null if they have or it is not known yet
   * @param note what else to tell people of the set, or null
   */
  record Listing(
      List<SourcePartition> partitions,
      List<RejectedImage> rejected,
      List<String> classes,
      OptionalLong images,
      @Nullable String unlabelled,
      @Nullable String note) {
    /** Partitions that hold more than 1/64 of the bytes are large. */
    private static final int LARGE = 64;

    public Listing {
      long bytes = partitions.stream().mapToLong(SourcePartition::bytes).sum();
      partitions =
          partitions.stream()
              .map(partition -> partition.withLarge(partition.bytes() > bytes / LARGE))
              .toList();
      rejected = List.copyOf(rejected);
      classes = List.copyOf(classes);
    }

    /** A listing of which there is nothing else to tell. */
    Listing(
        List<SourcePartition> partitions,
        List<RejectedImage> rejected,
        List<String> classes,
        OptionalLong images,
        @Nullable String unlabelled) {
      this(partitions, rejected, classes, images, unlabelled, null);
    }
  }

  /**
   * @throws InvalidInputException if nothing is there, or it is not of this format
   */
  Listing list() throws IOException;

  /**
   * Reads a partition from its start to its end, holding one image in memory. Broken images and
   * archives are passed to {@code sink}.
   *
   * @param withBytes false to request only the positions of the images
   */
  void scan(SourcePartition partition, boolean withBytes, ImageSink sink) throws IOException;

  /**
   * Scans partitions, one after the other, with the images' bytes. Files that are missing or may
   * not be read are rejected.
   */
  default void scanAll(List<SourcePartition> partitions, ImageSink sink) throws IOException {
    for (SourcePartition partition : partitions) {
      scanIfReadable(partition, /* withBytes= */ true, sink);
    }
  }

  /** Receives partitions that {@link #scanAll} should get at once. */
  interface GroupReceiver {
    void accept(List<SourcePartition> group) throws IOException;
  }

  /**
   * Lists the partitions in groups.
   *
   * @return broken files that belong to no partition
   */
  default List<RejectedImage> list(GroupReceiver groups) throws IOException {
    Listing listing = list();
    List<SourcePartition> all = listing.partitions();
    int together = together(all.size(), mostAtOnce());
    for (int from = 0; from < all.size(); from += together) {
      groups.accept(List.copyOf(all.subList(from, Math.min(all.size(), from + together))));
    }
    return listing.rejected();
  }

  /** The most partitions of a group. */
  default int mostAtOnce() {
    return 1;
  }

  /** How many partitions make a group: so few that several workers have some. */
  static int together(long partitions, int most) {
    int leastGroups = 64;
    return (int) Math.max(1, Math.min(most, partitions / leastGroups));
  }

  /** See {@link ImageSource#summary}. */
  default ImageSource.Summary summary() throws IOException {
    Listing listing = list();
    return new ImageSource.Summary(
        listing.classes(), listing.images(), listing.unlabelled(), listing.note());
  }

  /** Scans a partition. A file that is missing or may not be read is rejected. */
  default void scanIfReadable(SourcePartition partition, boolean withBytes, ImageSink sink)
      throws IOException {
    try {
      scan(partition, withBytes, sink);
    } catch (AccessDeniedException | NoSuchFileException e) {
      sink.rejected(new RejectedImage(partition.name(), unreadable(e)));
    }
  }

  /** The reason why a file that cannot be opened is rejected. */
  static String unreadable(FileSystemException e) {
    if (e instanceof UnreadableFileException) {
      return "unreadable (" + e.getReason() + ")";
    }
    return e instanceof AccessDeniedException
        ? "unreadable (permission denied)"
        : "unreadable (no such file)";
  }

  /** Reads the stored bytes of an image; null if their checksum is wrong. */
  @Nullable
  default byte[] read(String file, long offset, int length) throws IOException {
    byte[] bytes = new StoredFile(file).read(offset, length);
    if (bytes.length < length) {
      throw new IOException(file + " became shorter");
    }
    return bytes;
  }

  /**
   * Extracts the image from its stored bytes.
   *
   * @throws UndecodableImageException if they contain none
   */
  default ImageRecord image(String key, @Nullable Integer label, @Nullable byte[] stored)
      throws UndecodableImageException {
    return new ImageRecord(key, label, stored);
  }

  /** The label that a number stands for; null if the number is negative. */
  @Nullable
  static Integer label(long number) {
    return number < 0 || number > Integer.MAX_VALUE ? null : (Integer) (int) number;
  }

  /** The reason why an image is rejected as too large, the same for all formats. */
  static String overLimit(long bytes, long limit) {
    return bytes + " bytes are over the limit of " + limit + " bytes";
  }
}
