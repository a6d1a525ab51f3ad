package dev.beit2.io;

import dev.beit2.io.InputFiles.InputFile;
import dev.beit2.io.InputFiles.Unreadable;
import java.io.IOException;
import java.nio.file.AccessDeniedException;
import java.nio.file.DirectoryIteratorException;
import java.nio.file.DirectoryStream;
import java.nio.file.FileSystemLoopException;
import java.nio.file.FileSystems;
import java.nio.file.FileVisitOption;
import java.nio.file.FileVisitResult;
import java.nio.file.Files;
import java.nio.file.LinkOption;
import java.nio.file.NoSuchFileException;
import java.nio.file.NotDirectoryException;
import java.nio.file.Path;
import java.nio.file.PathMatcher;
import java.nio.file.SimpleFileVisitor;
import java.nio.file.attribute.BasicFileAttributes;
import java.util.ArrayList;
import java.util.EnumSet;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import java.util.function.Consumer;
import java.util.regex.PatternSyntaxException;
import javax.annotation.Nullable;

/** The files on the local disk that a path or a glob names. */
final class LocalFiles {
  private static final char NOT_TEXT = '\uFFFD';

  private final String spec;
  private final Path root;
  private final String pattern; // below the root; empty if the path is one
  private final Consumer<InputFile> files;
  private final BraceExpansion braces;
  private final Set<Path> seen = new HashSet<>(); // where several patterns may find a file
  private long found;
  private final List<Unreadable> unreadable = new ArrayList<>();

  /**
   * @param files receives the files, in any order
   */
  LocalFiles(String spec, Consumer<InputFile> files) {
    this.spec = spec;
    this.files = files;
    int start = patternStart(spec);
    String folder = spec.substring(0, start);
    this.root = InputFiles.absolute(Path.of(folder));
    this.pattern = spec.substring(start);
    this.braces = BraceExpansion.expand(pattern);
  }

  /** Where the first name begins that has wildcards and does not exist as it is. */
  private static int patternStart(String spec) {
    int start = 0;
    while (start < spec.length()) {
      int slash = spec.indexOf('/', start);
      int end = slash < 0 ? spec.length() : slash;
      if (InputFiles.WILDCARD.matcher(spec.substring(start, end)).find()
          && !Files.exists(Path.of(spec.substring(0, end)), LinkOption.NOFOLLOW_LINKS)) {
        return start;
      }
      start = end + 1;
    }
    return spec.length();
  }

  /** See {@link InputFiles#find}; returns what is unreadable. */
  List<Unreadable> find() {
    if (pattern.isEmpty()) {
      addIfFile(root, root.getParent());
      return unreadable;
    }
    List<String> missing = new ArrayList<>();
    for (String expanded : braces.expanded()) {
      long before = found + unreadable.size();
      match(root, expanded);
      if (found + unreadable.size() == before && !alreadyFound(expanded)) {
        missing.add(root.resolve(expanded).toString());
      }
    }
    InputFiles.requireAll(spec, braces, missing, found > 0);
    return unreadable;
  }

  private boolean alreadyFound(String expanded) {
    return !InputFiles.WILDCARD.matcher(expanded).find() && seen.contains(root.resolve(expanded));
  }

  /** Matches the rest of the pattern below a folder, one name after the other. */
  private void match(Path folder, String rest) {
    if (rest.contains("**")) {
      walk(folder, rest);
      return;
    }
    int slash = rest.indexOf('/');
    String name = slash < 0 ? rest : rest.substring(0, slash);
    for (Path path : named(folder, name)) {
      if (slash < 0) {
        addIfFile(path, root);
      } else if (Files.isDirectory(path)) {
        match(path, rest.substring(slash + 1));
      }
    }
  }

  private List<Path> named(Path folder, String name) {
    if (!InputFiles.WILDCARD.matcher(name).find()
        || Files.exists(folder.resolve(name), LinkOption.NOFOLLOW_LINKS)) {
      return List.of(folder.resolve(name));
    }
    List<Path> paths = new ArrayList<>();
    PathMatcher matcher = matcher(name);
    try (DirectoryStream<Path> entries =
        Files.newDirectoryStream(folder, path -> matcher.matches(path.getFileName()))) {
      entries.forEach(paths::add);
    } catch (NoSuchFileException | NotDirectoryException e) {
      return List.of();
    } catch (IOException e) {
      lost(folder, reason(e));
    } catch (DirectoryIteratorException e) {
      lost(folder, reason(e.getCause()));
    }
    return paths;
  }

  private PathMatcher matcher(String glob) {
    try {
      return FileSystems.getDefault().getPathMatcher("glob:" + glob);
    } catch (PatternSyntaxException e) {
      return path -> false; // a name with [ that is not there
    }
  }

  private void addIfFile(Path path, Path below) {
    try {
      BasicFileAttributes attributes = Files.readAttributes(path, BasicFileAttributes.class);
      if (!attributes.isDirectory()) {
        add(path, below, attributes);
      }
    } catch (NoSuchFileException e) {
      if (Files.isSymbolicLink(path)) {
        lost(path, "a link to nothing");
      }
    } catch (IOException e) {
      lost(path, reason(e));
    }
  }

  private void add(Path path, Path below, BasicFileAttributes attributes) {
    if (attributes.isSymbolicLink()) {
      lost(path, "a link to nothing");
    } else if (!attributes.isRegularFile()) {
      lost(path, "neither a file nor a folder");
    } else if (isText(path)) {
      String name = below.relativize(path).toString();
      if (braces.expanded().size() == 1 || seen.add(path)) {
        found++;
        files.accept(new InputFile(path.toString(), name, attributes.size()));
      }
    }
  }

  /** Whether a file can be found again by its name; if not, it counts as unreadable. */
  private boolean isText(Path path) {
    if (path.toString().indexOf(NOT_TEXT) < 0) {
      return true;
    }
    String encoding = InputFiles.encodingOfNames();
    if (!encoding.equals("UTF-8")) {
      throw InputFiles.notInLocale(path.toString());
    }
    lost(path, "a name that is not UTF-8");
    return false;
  }

  private void lost(Path path, String reason) {
    Path below = path.startsWith(root) && !path.equals(root) ? root.relativize(path) : path;
    unreadable.add(new Unreadable(below.toString(), reason));
  }

  private static String reason(IOException e) {
    return e instanceof AccessDeniedException
        ? "unreadable (permission denied)"
        : "unreadable (" + e.getMessage() + ")";
  }

  private void walk(Path folder, String glob) {
    if (!Files.isDirectory(folder)) {
      return;
    }
    PathMatcher matcher = matcher(glob);
    try {
      Files.walkFileTree(
          folder,
          EnumSet.of(FileVisitOption.FOLLOW_LINKS),
          Integer.MAX_VALUE,
          new Visitor(folder, matcher));
    } catch (IOException e) {
      throw new InvalidInputException(folder + " " + reason(e), "files that can be listed", e);
    }
  }

  private final class Visitor extends SimpleFileVisitor<Path> {
    private final Path folder;
    private final PathMatcher matcher;

    Visitor(Path folder, PathMatcher matcher) {
      this.folder = folder;
      this.matcher = matcher;
    }

    @Override
    public FileVisitResult preVisitDirectory(Path path, BasicFileAttributes attributes) {
      return path.equals(folder) || isText(path)
          ? FileVisitResult.CONTINUE
          : FileVisitResult.SKIP_SUBTREE;
    }

    @Override
    public FileVisitResult visitFile(Path path, BasicFileAttributes attributes) {
      if (matcher.matches(folder.relativize(path))) {
        add(path, root, attributes);
      }
      return FileVisitResult.CONTINUE;
    }

    @Override
    public FileVisitResult visitFileFailed(Path path, IOException e) throws IOException {
      if (path.equals(folder)) {
        throw e;
      }
      // What is in a loop of links is also there by a shorter name.
      if (!(e instanceof FileSystemLoopException)) {
        lost(path, reason(e));
      }
      return FileVisitResult.CONTINUE;
    }

    @Override
    public FileVisitResult postVisitDirectory(Path path, @Nullable IOException e) {
      if (e != null) {
        lost(path, reason(e));
      }
      return FileVisitResult.CONTINUE;
    }
  }
}
