package dev.beit2.io.image.source;

import static java.nio.charset.StandardCharsets.UTF_8;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.beit2.io.InputFiles;
import dev.beit2.io.image.ImageFolder;
import dev.beit2.io.image.RejectedImage;
import dev.beit2.io.image.source.TarMembers.Member;
import java.io.IOException;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Objects;
import java.util.OptionalLong;
import java.util.Set;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;
import javax.annotation.Nullable;

/**
 * Reads WebDataset: tars in which the files of a sample follow each other and have the same name up
 * to the first dot. The image of a sample is its jpg, jpeg, png or webp; the label is its cls (an
 * integer) or the integer "label" of its json. Other files are left out.
 *
 * <p>A sample without such a file may have images of other endings ({@code 0001.gif}) or of longer
 * ones ({@code 0001.input.jpg}); each is an image. So names with dots in them ({@code photo
 * 2023.01.15.jpg}), which WebDataset takes for one sample, are read, too.
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
  public Listing list() throws IOException {
    ArchiveFiles tars =
        ArchiveFiles.list(source.path(), name -> name.endsWith(".tar"), "tars of a WebDataset")
            .marked(source, /* withBytes= */ false);
    return new Listing(
        tars.partitions(),
        tars.unreadable(),
        List.of(),
        OptionalLong.empty(),
        /* unlabelled= */ null,
        tars.note());
  }

  @Override
  public void scan(SourcePartition partition, boolean withBytes, ImageSink sink)
      throws IOException {
    FileKeys keys = new FileKeys(partition);
    long position = 0;
    try (TarMembers members = TarMembers.open(partition)) {
      Sample sample = null;
      try {
        for (Member member = members.next(); member != null; member = members.next()) {
          Matcher name = MEMBER.matcher(member.name());
          if (InputFiles.isHidden(member.name()) || isAboutTheArchive(member.name())) {
            continue;
          }
          if (!name.matches()) {
            String key = ImageKey.of(member.name(), partition.name(), position);
            sink.rejected(new RejectedImage(key, "a file without an ending in a WebDataset"));
            continue;
          }
          if (sample == null || !sample.name.equals(name.group(1))) {
            finish(sample, sink);
            sample = new Sample(name.group(1), partition, position++, keys, members, withBytes);
          }
          sample.add(member, name.group(2).toLowerCase(Locale.ROOT), sink);
        }
        finish(sample, sink);
      } catch (BrokenArchiveException e) {
        finish(sample, sink);
        sink.rejected(new RejectedImage(partition.name(), e.getMessage()));
      }
    }
  }

  private static boolean isAboutTheArchive(String name) {
    return name.matches("__[^./]*__(\\..*)?");
  }

  private static void finish(@Nullable Sample sample, ImageSink sink) throws IOException {
    if (sample != null) {
      sample.finish(sink);
    }
  }

  /** An image whose ending is none of the usual ones. */
  private record Other(String ending, Member member) {}

  /** What is known so far of a sample. */
  private final class Sample {
    private final String name;
    private final SourcePartition partition;
    private final long position;
    private final FileKeys keys;
    private final TarMembers members;
    private final boolean withBytes;
    private final Map<String, Label> labels = new HashMap<>(); // by ending, as "cls"
    private final List<Other> others = new ArrayList<>();
    private boolean hasImage;
    @Nullable private Member image;
    @Nullable private byte[] bytes;

    Sample(
        String name,
        SourcePartition partition,
        long position,
        FileKeys keys,
        TarMembers members,
        boolean withBytes) {
      this.name = name;
      this.partition = partition;
      this.position = position;
      this.keys = keys;
      this.members = members;
      this.withBytes = withBytes;
    }

    void add(Member member, String ending, ImageSink sink) throws IOException {
      if (IMAGES.contains(ending)) {
        addImage(member, sink);
      } else if (isLabel(ending, "cls") && member.size() <= MOST_OF_A_LABEL) {
        labels.put(ending, Label.ofText(new String(members.content(member), UTF_8)));
      } else if (isLabel(ending, "json") && member.size() <= MOST_OF_A_LABEL) {
        labels.put(ending, Label.ofJson(members.content(member)));
      } else if (ImageFolder.isImage(member.name())) {
        others.add(new Other(ending, member));
      }
    }

    private boolean isLabel(String ending, String kind) {
      return ending.equals(kind) || ending.endsWith("." + kind);
    }

    private void addImage(Member member, ImageSink sink) throws IOException {
      String reason = hasImage ? "a second image of sample " + name : unusable(member);
      hasImage = true;
      if (reason != null) {
        sink.rejected(new RejectedImage(key(member.name()), reason));
      } else {
        image = member;
        bytes = withBytes ? members.content(member) : null;
      }
    }

    @Nullable
    private String unusable(Member member) {
      return member.odd() == null && member.size() > source.maxImageBytes()
          ? FormatReader.overLimit(member.size(), source.maxImageBytes())
          : member.odd();
    }

    private String key(String memberName) {
      return ImageKey.of(memberName, partition.name(), position);
    }

    void finish(ImageSink sink) throws IOException {
      if (image != null) {
        give(image, bytes, label(""), sink);
      } else if (!hasImage && others.isEmpty()) {
        sink.rejected(
            new RejectedImage(key(name), "a sample without image (jpg, jpeg, png, webp)"));
      } else if (!hasImage) {
        for (Other other : others) {
          giveOther(other.ending(), other.member(), sink);
        }
      }
    }

    /** An image of a sample that has none of the usual endings; its content was not read so far. */
    private void giveOther(String ending, Member member, ImageSink sink) throws IOException {
      String reason = unusable(member);
      if (reason != null) {
        sink.rejected(new RejectedImage(key(member.name()), reason));
      } else {
        String before = ending.substring(0, ending.lastIndexOf('.') + 1);
        byte[] content = withBytes ? members.content(member) : null;
        give(member, content, label(before), sink);
      }
    }

    private void give(Member member, @Nullable byte[] content, Label label, ImageSink sink) {
      if (label.isUnusable()) {
        sink.unusableLabel(label.found());
      }
      sink.image(
          keys.of(member.name(), position),
          label.number(),
          partition.start() + member.offset(),
          (int) member.size(),
          content);
    }

    /**
     * The label of the images whose endings begin like this, or else of the whole sample. If none
     * is a class number, the first one that cannot be used.
     */
    private Label label(String before) {
      List<Label> stored =
          Stream.of(before + "cls", before + "json", "cls", "json")
              .map(labels::get)
              .filter(Objects::nonNull)
              .toList();
      return stored.stream()
          .filter(label -> label.number() != null)
          .findFirst()
          .or(() -> stored.stream().filter(Label::isUnusable).findFirst())
          .orElse(Label.NONE);
    }
  }

  /**
   * A stored label.
   *
   * @param number of the class, or null
   * @param found what is stored, or null if nothing is
   */
  private record Label(@Nullable Integer number, @Nullable String found) {
    static final Label NONE = new Label(null, null);

    static Label ofText(String text) {
      String found = text.strip();
      try {
        return of(Long.parseLong(found), found);
      } catch (NumberFormatException e) {
        return new Label(null, found);
      }
    }

    static Label ofJson(byte[] json) {
      JsonNode label;
      try {
        label = JSON.readTree(json).path("label");
      } catch (IOException e) {
        return new Label(null, "in a file that is no JSON");
      }
      if (label.isMissingNode() || label.isNull()) {
        return NONE;
      }
      return label.isIntegralNumber() && label.canConvertToLong()
          ? of(label.longValue(), label.toString())
          : new Label(null, label.toString());
    }

    /** Negative numbers are the usual way to say that an image has no label. */
    private static Label of(long number, String found) {
      return number < 0 ? NONE : new Label(FormatReader.label(number), found);
    }

    boolean isUnusable() {
      return number == null && found != null;
    }
  }
}
