package dev.beit2.io.image.source;

import static java.nio.charset.StandardCharsets.US_ASCII;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.beit2.io.image.RejectedImage;
import dev.beit2.io.image.source.TarMembers.Member;
import java.io.IOException;
import java.util.List;
import java.util.Locale;
import java.util.OptionalLong;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.annotation.Nullable;

/**
 * Reads WebDataset: tars in which the files of a sample follow each other and have the same name up
 * to the first dot. The image of a sample is its jpg, jpeg, png or webp; the label is its cls (an
 * integer) or the integer "label" of its json. Other files are left out.
 */
final class WebDatasetReader implements FormatReader {
  private static final Pattern MEMBER = Pattern.compile("((?:.*/)?[^./][^./]*)\\.([^/]*)");
  private static final Set<String> IMAGES = Set.of("jpg", "jpeg", "png", "webp");
  private static final int MOST_OF_A_LABEL = 1 << 20;
  private static final ObjectMapper JSON = new ObjectMapper();

  private final ImageSource source;

  WebDatasetReader(ImageSource source) {
    this.source = source;
  }

  @Override
  public Listing list() {
    List<SourcePartition> tars =
        ArchiveFiles.list(source.path(), name -> name.endsWith(".tar"), "tars of a WebDataset");
    return new Listing(tars, List.of(), List.of(), OptionalLong.empty(), null);
  }

  @Override
  public void scan(SourcePartition partition, boolean withBytes, ImageSink sink)
      throws IOException {
    Sample sample = null;
    long position = 0;
    try (TarMembers members = TarMembers.open(partition)) {
      for (Member member = members.next(); member != null; member = members.next()) {
        Matcher name = MEMBER.matcher(member.name());
        if (!name.matches() || isAboutTheArchive(name.group(1))) {
          continue;
        }
        if (sample == null || !sample.name.equals(name.group(1))) {
          finish(sample, sink);
          sample = new Sample(name.group(1), partition, position++);
        }
        sample.add(members, member, name.group(2).toLowerCase(Locale.ROOT), withBytes, sink);
      }
      finish(sample, sink);
    } catch (BrokenArchiveException e) {
      finish(sample, sink);
      sink.rejected(new RejectedImage(partition.name(), e.getMessage()));
    }
  }

  private static boolean isAboutTheArchive(String name) {
    return name.startsWith("__") && name.endsWith("__");
  }

  private static void finish(@Nullable Sample sample, ImageSink sink) {
    if (sample != null) {
      sample.finish(sink);
    }
  }

  /** What is known so far of a sample. */
  private final class Sample {
    private final String name;
    private final SourcePartition partition;
    private final long position;
    private boolean hasImage;
    @Nullable private Member image;
    @Nullable private byte[] bytes;
    @Nullable private Integer cls;
    @Nullable private Integer json;

    Sample(String name, SourcePartition partition, long position) {
      this.name = name;
      this.partition = partition;
      this.position = position;
    }

    void add(TarMembers members, Member member, String extension, boolean withBytes, ImageSink sink)
        throws IOException {
      if (IMAGES.contains(extension)) {
        addImage(members, member, withBytes, sink);
      } else if (extension.equals("cls") && member.size() <= MOST_OF_A_LABEL) {
        cls = integer(new String(members.content(member), US_ASCII));
      } else if (extension.equals("json") && member.size() <= MOST_OF_A_LABEL) {
        json = labelOf(members.content(member));
      }
    }

    private void addImage(TarMembers members, Member member, boolean withBytes, ImageSink sink)
        throws IOException {
      String reason = null;
      if (hasImage) {
        reason = "a second image of sample " + name;
      } else if (member.odd() != null) {
        reason = member.odd();
      } else if (member.size() > source.maxImageBytes()) {
        reason = FormatReader.overLimit(member.size(), source.maxImageBytes());
      }
      hasImage = true;
      if (reason != null) {
        sink.rejected(new RejectedImage(key(member.name()), reason));
      } else {
        image = member;
        bytes = withBytes ? members.content(member) : null;
      }
    }

    private String key(String memberName) {
      return ImageKey.of(memberName, partition.name(), position);
    }

    void finish(ImageSink sink) {
      if (!hasImage) {
        sink.rejected(
            new RejectedImage(key(name), "a sample without image (jpg, jpeg, png, webp)"));
      } else if (image != null) {
        sink.image(
            key(image.name()),
            cls != null ? cls : json,
            partition.start() + image.offset(),
            (int) image.size(),
            bytes);
      }
    }
  }

  /** Parses a label; null if the text is none. */
  @Nullable
  private static Integer integer(String text) {
    try {
      return FormatReader.label(Long.parseLong(text.strip()));
    } catch (NumberFormatException e) {
      return null;
    }
  }

  @Nullable
  private static Integer labelOf(byte[] json) {
    try {
      JsonNode label = JSON.readTree(json).path("label");
      return label.isIntegralNumber() && label.canConvertToLong()
          ? FormatReader.label(label.longValue())
          : null;
    } catch (IOException e) {
      return null;
    }
  }
}
