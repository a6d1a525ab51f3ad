package dev.beit2.io.image.source;

import dev.beit2.io.InputFiles;
import dev.beit2.io.InputFiles.InputFile;
import dev.beit2.io.InvalidInputException;
import dev.beit2.io.image.ImageFolder;
import dev.beit2.io.image.RejectedImage;
import dev.beit2.io.image.source.TarMembers.Member;
import java.io.IOException;
import java.util.ArrayList;
import java.util.Comparator;
import java.util.List;
import java.util.Optional;
import java.util.OptionalLong;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import javax.annotation.Nullable;

/**
 * The ILSVRC2012 archives as they are downloaded. {@code ILSVRC2012_img_train.tar} holds a tar a
 * class, each of which is a part; {@code ILSVRC2012_img_val.tar} is one part, its labels are in the
 * devkit beside it. What is not named as an image is left out.
 */
final class ImageNetForm implements Form {
  private static final Pattern ARCHIVE = Pattern.compile("ILSVRC2012_img_(train|val).*\\.tar");
  private static final Pattern CLASS_TAR = Pattern.compile("(?:.*/)?(n\\d{8})\\.tar");
  private static final Pattern VALIDATION =
      Pattern.compile("(?:.*/)?ILSVRC2012_val_(\\d{8})\\.\\w+");
  private static final String WANTED =
      "ILSVRC2012_img_train.tar or ILSVRC2012_img_val.tar, or the tars of the classes";

  private final ImageSource source;
  private Optional<Devkit> devkit = Optional.empty();

  ImageNetForm(ImageSource source) {
    this.source = source;
  }

  @Override
  public Listing list() throws IOException {
    List<InputFile> files = files();
    if (files.isEmpty()) {
      throw new InvalidInputException("nothing at " + source.path(), WANTED);
    }
    if (files.stream().allMatch(file -> CLASS_TAR.matcher(file.name()).matches())) {
      return classTars(files.stream().map(ImageNetForm::whole).toList(), List.of());
    }
    if (files.size() > 1) {
      throw new InvalidInputException(
          "several archives in " + source.path() + ": " + files.get(0).name() + ", …",
          "one of " + WANTED);
    }
    return archive(whole(files.get(0)));
  }

  /** The archives, or the tars of the classes: in a folder, by a glob, or itself. */
  private List<InputFile> files() {
    List<InputFile> files = InputFiles.match(source.path());
    if (!files.isEmpty() || InputFiles.isGlob(source.path())) {
      return files;
    }
    List<InputFile> tars = InputFiles.match(InputFiles.inFolder(source.path(), "*.tar"));
    List<InputFile> archives =
        tars.stream().filter(file -> ARCHIVE.matcher(file.name()).matches()).toList();
    return archives.isEmpty() ? tars : archives;
  }

  private static Part whole(InputFile file) {
    return new Part(file.name(), file.path(), 0, file.bytes(), null, false);
  }

  /** One archive: a tar of class tars if its first file is a tar. */
  private Listing archive(Part archive) throws IOException {
    List<Part> tars = new ArrayList<>();
    List<RejectedImage> rejected = new ArrayList<>();
    try (TarMembers members = TarMembers.open(archive)) {
      for (Member member = members.next(); member != null; member = members.next()) {
        if (CLASS_TAR.matcher(member.name()).matches()) {
          String name = archive.name() + "/" + member.name();
          long end = member.offset() + member.size();
          tars.add(new Part(name, archive.file(), member.offset(), end, null, false));
        } else if (tars.isEmpty()) {
          return validation(archive);
        }
      }
    } catch (BrokenArchiveException e) {
      rejected.add(new RejectedImage(archive.name(), e.getMessage()));
    }
    if (tars.isEmpty()) {
      String found = rejected.isEmpty() ? "no file in it" : rejected.get(0).reason();
      throw new InvalidInputException(archive.file() + " with " + found, WANTED);
    }
    return classTars(tars, rejected);
  }

  private static Listing classTars(List<Part> tars, List<RejectedImage> rejected) {
    List<String> classes = tars.stream().map(ImageNetForm::wnid).distinct().sorted().toList();
    List<Part> labelled =
        tars.stream()
            .map(
                tar ->
                    new Part(
                        tar.name(),
                        tar.file(),
                        tar.start(),
                        tar.end(),
                        classes.indexOf(wnid(tar)),
                        false))
            .sorted(Comparator.comparing(Part::name))
            .toList();
    return new Listing(labelled, rejected, classes, OptionalLong.empty(), null);
  }

  private static String wnid(Part tar) {
    Matcher name = CLASS_TAR.matcher(tar.name());
    if (!name.matches()) {
      throw new IllegalArgumentException(tar.name() + " is no class");
    }
    return name.group(1);
  }

  private static Listing validation(Part archive) throws IOException {
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
  public void scan(Part part, boolean withBytes, Found found) throws IOException {
    if (part.label() == null && devkit.isEmpty()) {
      devkit = Devkit.beside(part.file());
    }
    try (TarMembers members = TarMembers.open(part)) {
      for (Member member = members.next(); member != null; member = members.next()) {
        if (isImage(member.name())) {
          scan(part, members, member, withBytes, found);
        }
      }
    } catch (BrokenArchiveException e) {
      found.rejected(new RejectedImage(part.name(), e.getMessage()));
    }
  }

  private void scan(Part part, TarMembers members, Member member, boolean withBytes, Found found)
      throws IOException {
    String key = key(part, member.name());
    if (member.odd() != null) {
      found.rejected(new RejectedImage(key, member.odd()));
    } else if (member.size() > source.maxImageBytes()) {
      found.rejected(new RejectedImage(key, Form.overLimit(member.size(), source.maxImageBytes())));
    } else {
      found.image(
          key,
          part.label() != null ? part.label() : label(member.name()),
          part.start() + member.offset(),
          (int) member.size(),
          withBytes ? members.content(member) : null);
    }
  }

  /** Not what macOS puts beside a file of the same name. */
  static boolean isImage(String name) {
    return ImageFolder.isImage(name) && !name.substring(name.lastIndexOf('/') + 1).startsWith(".");
  }

  private static String key(Part part, String name) {
    String file = name.substring(name.lastIndexOf('/') + 1);
    // Whatever a file is called, the tar that it is in is its class.
    return part.label() != null ? wnid(part) + "/" + file : file;
  }

  @Nullable
  private Integer label(String name) {
    Matcher validation = VALIDATION.matcher(name);
    return devkit.isPresent() && validation.matches()
        ? devkit.get().label(Integer.parseInt(validation.group(1)))
        : null;
  }
}
