package dev.beit2.io.image.source;

import com.google.protobuf.ByteString;
import com.google.protobuf.InvalidProtocolBufferException;
import com.google.protobuf.TextFormat;
import dev.beit2.io.InvalidInputException;
import dev.beit2.io.image.ImageRecord;
import dev.beit2.io.image.RejectedImage;
import dev.beit2.io.image.UndecodableImageException;
import dev.beit2.io.image.source.TfRecords.Record;
import java.io.IOException;
import java.util.List;
import java.util.Map;
import java.util.OptionalLong;
import java.util.regex.Pattern;
import javax.annotation.Nullable;
import org.tensorflow.example.Example;
import org.tensorflow.example.Feature;

/**
 * TFRecords of {@code tensorflow.Example}s: {@code image/encoded}, {@code image/class/label} and
 * {@code image/filename}, or TFDS' {@code image}, {@code label} and {@code file_name}. A record is
 * an image. gzip has no random access, so compressed files are for pipelines only.
 */
final class TfRecordReader implements FormatReader {
  /** NAME.tfrecord, NAME.tfrecord-00000-of-00010, NAME.tfrecords.gz, NAME-00000-of-00010. */
  static final Pattern NAME =
      Pattern.compile(".*(\\.(tfrecords?|tfrec)(-\\d+-of-\\d+)?|-\\d+-of-\\d+)(\\.gz(ip)?)?");

  private static final List<String> IMAGE = List.of("image/encoded", "image");
  private static final List<String> LABEL = List.of("image/class/label", "label");
  private static final List<String> FILE = List.of("image/filename", "file_name");

  private final ImageSource source;

  TfRecordReader(ImageSource source) {
    this.source = source;
  }

  @Override
  public Listing list() throws IOException {
    ArchiveFiles files =
        ArchiveFiles.list(source.path(), name -> NAME.matcher(name).matches(), "TFRecord files")
            .marked(source, /* withBytes= */ true);
    return new Listing(
        files.partitions(),
        files.unreadable(),
        List.of(),
        OptionalLong.empty(),
        /* unlabelled= */ null,
        files.note());
  }

  @Override
  public void scan(SourcePartition partition, boolean withBytes, ImageSink sink)
      throws IOException {
    try (TfRecords records = TfRecords.open(partition)) {
      if (records.gzip() && !withBytes) {
        throw new InvalidInputException(
            partition.file() + " in gzip, which has no random access",
            "TFRecords without compression");
      }
      FileKeys keys = new FileKeys(partition);
      long number = 0;
      for (Record record = records.next(); record != null; record = records.next()) {
        String byPosition = ImageKey.byPosition(partition.name(), number);
        if (record.length() > source.maxImageBytes()) {
          String reason = FormatReader.overLimit(record.length(), source.maxImageBytes());
          sink.rejected(new RejectedImage(byPosition, reason));
          records.skip(record);
        } else if (withBytes) {
          give(keys, number, byPosition, record, records.read(record), sink);
        } else {
          sink.image(byPosition, null, record.offset(), (int) record.length(), null);
          records.skip(record);
        }
        number++;
      }
    } catch (BrokenArchiveException e) {
      sink.rejected(new RejectedImage(partition.name(), e.getMessage()));
    }
  }

  private void give(
      FileKeys keys,
      long number,
      String byPosition,
      Record record,
      @Nullable byte[] bytes,
      ImageSink sink) {
    try {
      Parsed image = parse(bytes);
      if (image.unusableLabel() != null) {
        sink.unusableLabel(image.unusableLabel());
      }
      sink.image(
          keys.of(image.name(), number),
          image.label(),
          record.offset(),
          (int) record.length(),
          image.bytes().toByteArray());
    } catch (UndecodableImageException e) {
      sink.rejected(new RejectedImage(byPosition, e.getMessage()));
    }
  }

  @Override
  public byte[] read(String file, long offset, int length) throws IOException {
    return TfRecords.read(file, offset, length);
  }

  @Override
  public ImageRecord image(String byPosition, @Nullable Integer none, @Nullable byte[] record)
      throws UndecodableImageException {
    Parsed image = parse(record);
    String file = byPosition.substring(0, byPosition.lastIndexOf('/'));
    String key = image.name() == null ? byPosition : ImageKey.of(image.name(), file, 0);
    return new ImageRecord(key, image.label(), image.bytes().toByteArray());
  }

  /**
   * What is read of an Example.
   *
   * @param unusableLabel what is stored as the label if that is no class number, or null
   */
  private record Parsed(
      @Nullable String name,
      @Nullable Integer label,
      @Nullable String unusableLabel,
      ByteString bytes) {}

  private static Parsed parse(@Nullable byte[] record) throws UndecodableImageException {
    if (record == null) {
      throw new UndecodableImageException("a TFRecord that its checksum does not fit");
    }
    Map<String, Feature> features;
    try {
      features = Example.parseFrom(record).getFeatures().getFeatureMap();
    } catch (InvalidProtocolBufferException e) {
      throw new UndecodableImageException("a TFRecord that is no tensorflow.Example", e);
    }
    ByteString image = bytes(features, IMAGE);
    if (image == null) {
      throw new UndecodableImageException(
          "a TFRecord without " + String.join(" or ", IMAGE) + ": " + features.keySet());
    }
    ByteString name = bytes(features, FILE);
    Integer label = label(features);
    return new Parsed(
        name == null || name.isEmpty() ? null : name.toStringUtf8(),
        label,
        label == null ? unusableLabel(features) : null,
        image);
  }

  @Nullable
  private static ByteString bytes(Map<String, Feature> features, List<String> names) {
    for (String name : names) {
      Feature feature = features.get(name);
      if (feature != null && feature.getBytesList().getValueCount() == 1) {
        return feature.getBytesList().getValue(0);
      }
    }
    return null;
  }

  @Nullable
  private static Integer label(Map<String, Feature> features) {
    for (String name : LABEL) {
      Feature feature = features.get(name);
      if (feature != null && feature.getInt64List().getValueCount() == 1) {
        return FormatReader.label(feature.getInt64List().getValue(0));
      }
    }
    return null;
  }

  /** A label that is text, several numbers, or too large a number. A negative one means none. */
  @Nullable
  private static String unusableLabel(Map<String, Feature> features) {
    for (String name : LABEL) {
      Feature feature = features.getOrDefault(name, Feature.getDefaultInstance());
      if (feature.getBytesList().getValueCount() > 0) {
        return feature.getBytesList().getValue(0).toStringUtf8();
      }
      boolean negative =
          feature.getInt64List().getValueCount() == 1 && feature.getInt64List().getValue(0) < 0;
      if (feature.getKindCase() != Feature.KindCase.KIND_NOT_SET && !negative) {
        return TextFormat.printer().shortDebugString(feature);
      }
    }
    return null;
  }
}
