package dev.beit2.io.image.source;

import dev.beit2.io.InputFiles;
import dev.beit2.io.InputFiles.Found;
import dev.beit2.io.InputFiles.InputFile;
import dev.beit2.io.InvalidInputException;
import dev.beit2.io.image.ImageFolder;
import dev.beit2.io.image.RejectedImage;
import dev.beit2.io.image.source.TarMembers.Member;
import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.NoSuchFileException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.annotation.Nullable;

/**
 * Reads the ILSVRC2012 archives as they are downloaded. {@code ILSVRC2012_img_train.tar} holds one
 * tar per class, each of which is a partition. {@code ILSVRC2012_img_val.tar} is one partition; its
 * labels are in the devkit beside it. Files that are no images by their names are rejected.
 */
final class ImageNetReader implements FormatReader {
  private static final Pattern ARCHIVE = Pattern.compile("ILSVRC2012_img_(train|val).*\\.tar");
  private static final Pattern CLASS_TAR = Pattern.compile("(?:.*/)?(n\\d{8})\\.tar");
  private static final Pattern VALIDATION =
      Pattern.compile("(?:.*/)?ILSVRC2012_val_(\\d{8})\\.\\w+");
  private static final String WANTED =
      "ILSVRC2012_img_train.tar or ILSVRC2012_img_val.tar, or the tars of the classes";

  private final ImageSource source;
  private Optional<Devkit> devkit = Optional.empty();

  ImageNetReader(ImageSource source) {
    this.source = source;
  }

  @Override
  public Listing list() throws IOException {
    Found found = find();
    List<InputFile> files = found.files();
    if (files.isEmpty()) {
      throw new InvalidInputException("nothing at " + source.path(), WANTED);
    }
    if (files.stream().allMatch(file -> CLASS_TAR.matcher(file.name()).matches())) {
      return classTars(
          files.stream().map(ImageNetReader::whole).toList(),
          found.unreadable().stream()
              .map(file -> new RejectedImage(file.name(), file.reason()))
              .toList());
    }
    if (files.size() > 1) {
      throw new InvalidInputException(
          "several archives in " + source.path() + ": " + files.get(0).name() + ", …",
          "one of " + WANTED);
    }
    return archive(whole(files.get(0)));
  }

  /**
   * The archives, or the tars of the classes: in a folder, matched by a glob, or the path itself.
   */
  private Found find() {
    Found found = InputFiles.find(source.path());
    if (!found.files().isEmpty() || InputFiles.isGlob(source.path())) {
      return found;
    }
    Found tars = InputFiles.find(InputFiles.inFolder(source.path(), "*.tar"));
    List<InputFile> visible =
        tars.files().stream().filter(file -> !InputFiles.isHidden(file.name())).toList();
    List<InputFile> archives =
        visible.stream().filter(file -> ARCHIVE.matcher(file.name()).matches()).toList();
    return new Found(archives.isEmpty() ? visible : archives, tars.unreadable());
  }

  private static SourcePartition whole(InputFile file) {
    return SourcePartition.of(file);
  }

  /** One archive: a tar of class tars if its first file is a tar. */
  private Listing archive(SourcePartition archive) throws IOException {
    List<SourcePartition> tars = new ArrayList<>();
    List<RejectedImage> rejected = new ArrayList<>();
    try (TarMembers members = TarMembers.open(archive)) {
      for (Member member = members.next(); member != null; member = members.next()) {
        if (InputFiles.isHidden(member.name())) {
          continue;
        }
        if (CLASS_TAR.matcher(member.name()).matches()) {
          String name = archive.name() + "/" + member.name();
          long end = member.offset() + member.size();
          tars.add(
              new SourcePartition(
                  name, archive.file(), archive.fileBytes(), member.offset(), end, null));
        } else if (tars.isEmpty()) {
          return validation(archive);
        } else {
          String name = archive.name() + "/" + member.name();
          rejected.add(new RejectedImage(name, "no tar of a class"));
        }
      }
    } catch (BrokenArchiveException e) {
      rejected.add(new RejectedImage(archive.name(), e.getMessage()));
    } catch (AccessDeniedException | NoSuchFileException e) {
      rejected.add(new RejectedImage(archive.name(), FormatReader.unreadable(e)));
    }
    if (tars.isEmpty()) {
      String found = rejected.isEmpty() ? "no file in it" : rejected.get(0).reason();
      throw new InvalidInputException(archive.file() + " with " + found, WANTED);
    }
    return classTars(tars, rejected);
  }

  private static Listing classTars(List<SourcePartition> tars, List<RejectedImage> rejected) {
    List<String> classes = tars.stream().map(ImageNetReader::wnid).distinct().sorted().toList();
    boolean repeat = classes.size() < tars.size(); // several tars of a class
    List<SourcePartition> labelled =
        tars.stream()
            .map(
                tar ->
                    new SourcePartition(
                            tar.name(),
                            tar.file(),
                            tar.fileBytes(),
                            tar.start(),
                            tar.end(),
                            classes.indexOf(wnid(tar)))
                        .withNamesRepeat(repeat))
            .sorted(Comparator.comparing(SourcePartition::name))
            .toList();
    return new Listing(labelled, rejected, classes, OptionalLong.empty(), null);
  }

  private static String wnid(SourcePartition tar) {
    Matcher name = CLASS_TAR.matcher(tar.name());
    if (!name.matches()) {
      throw new IllegalArgumentException(tar.name() + " is no class");
    }
    return name.group(1);
  }

  private static Listing validation(SourcePartition archive) throws IOException {
    Optional<Devkit> devkit = Devkit.beside(archive.file());
    return new Listing(
        List.of(archive),
        List.of(),
        devkit.map(Devkit::classes).orElse(List.of()),
        OptionalLong.empty(),
        devkit.isPresent()
            ? null
            : "images without labels, as there is no " + Devkit.NAME + " beside " + archive.file());
  }

  @Override
  public void scan(SourcePartition partition, boolean withBytes, ImageSink sink)
      throws IOException {
    if (partition.label() == null && devkit.isEmpty()) {
      devkit = Devkit.beside(partition.file());
    }
    FileKeys keys = new FileKeys(partition);
    long position = 0;
    try (TarMembers members = TarMembers.open(partition)) {
      for (Member member = members.next(); member != null; member = members.next(), position++) {
        if (InputFiles.isHidden(member.name())) {
          continue;
        }
        String key = key(partition, member.name());
        if (ImageFolder.isImage(member.name())) {
          String once = keys.once(key, member.name(), position);
          scan(partition, members, member, once, withBytes, sink);
        } else {
          sink.rejected(new RejectedImage(key, "no image by its name"));
        }
      }
    } catch (BrokenArchiveException e) {
      sink.rejected(new RejectedImage(partition.name(), e.getMessage()));
    }
  }

  private void scan(
      SourcePartition partition,
      TarMembers members,
      Member member,
      String key,
      boolean withBytes,
      ImageSink sink)
      throws IOException {
    if (member.odd() != null) {
      sink.rejected(new RejectedImage(key, member.odd()));
    } else if (member.size() > source.maxImageBytes()) {
      sink.rejected(
          new RejectedImage(key, FormatReader.overLimit(member.size(), source.maxImageBytes())));
    } else {
      sink.image(
          key,
          partition.label() != null ? partition.label() : label(member.name()),
          partition.start() + member.offset(),
          (int) member.size(),
          withBytes ? members.content(member) : null);
    }
  }

  private static String key(SourcePartition partition, String name) {
    String file = name.substring(name.lastIndexOf('/') + 1);
    if (partition.namesRepeat()) {
      return ImageKey.inFile(file, partition.name(), 0);
    }
    // The tar determines the class, whatever the file's name.
    return partition.label() != null ? wnid(partition) + "/" + file : file;
  }

  @Nullable
  private Integer label(String name) {
    Matcher validation = VALIDATION.matcher(name);
    return devkit.isPresent() && validation.matches()
        ? devkit.get().label(Integer.parseInt(validation.group(1)))
        : null;
  }
}
