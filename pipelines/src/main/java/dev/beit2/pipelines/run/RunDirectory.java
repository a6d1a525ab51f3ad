package dev.beit2.pipelines.run;

import static java.util.Objects.requireNonNull;

import dev.beit2.io.InvalidInputException;
import dev.beit2.io.Json;
import dev.beit2.io.store.ChannelWriter;
import dev.beit2.io.store.StoredFile;
import dev.beit2.pipelines.cli.InvalidOptionException;
import java.io.FileNotFoundException;
import java.io.IOException;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.SortedMap;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Collectors;
import java.util.stream.IntStream;

/**
 * The folder of one training run, local or in an object store. It holds the run's configuration and
 * its checkpoints.
 *
 * <pre>
 * RUN/config.json                          the run's configuration; a second start must have the same
 * RUN/checkpoints/step-000120/…            a checkpoint's files
 * RUN/checkpoints/step-000120/state.json   written last: without it the checkpoint is incomplete
 * </pre>
 *
 * <p>A run may be killed at any point and started again. One job writes to a run at a time.
 */
public final class RunDirectory {
  private static final String CHECKPOINTS = "checkpoints";
  private static final Pattern STEP_FOLDER = Pattern.compile("((?:.*/)?step-(\\d{1,18}))/([^/]+)");
  private static final Pattern OPTIMIZER = Pattern.compile("optimizer-\\d+\\.safetensors");
  private static final int NEWEST_KEPT = 2;
  private static final int EVERY_KEPT = 10;

  private final String path;
  private final int keepEvery;

  private RunDirectory(String path, int keepEvery) {
    this.path = path;
    this.keepEvery = keepEvery;
  }

  /**
   * Opens the run in a folder, or begins one there. Removes what killed starts left between its
   * checkpoints; other files in the folder are left alone.
   *
   * @param config what defines the run: its command and each hyper-parameter
   * @throws InvalidOptionException if the folder holds a run of another command or with other
   *     values, naming each of them
   */
  public static RunDirectory open(String path, RunConfig config) throws IOException {
    return open(path, config, EVERY_KEPT);
  }

  /**
   * @param keepEvery older checkpoints are kept if their ordinal is a multiple of this
   */
  static RunDirectory open(String path, RunConfig config, int keepEvery) throws IOException {
    requireNonNull(config, "config is null");
    if (keepEvery < 1) {
      throw new IllegalArgumentException("keepEvery is " + keepEvery + ", not positive");
    }
    config.begin(path);
    RunDirectory run = new RunDirectory(StoredFile.withoutLastSlash(path), keepEvery);
    run.prune();
    return run;
  }

  /** The run in a folder that {@link #open} has opened before, here or on another machine. */
  public static RunDirectory at(String path) {
    return new RunDirectory(StoredFile.withoutLastSlash(path), EVERY_KEPT);
  }

  /** The folder's path, without a last slash. */
  String path() {
    return path;
  }

  /** The newest complete checkpoint. */
  public Optional<Checkpoint> lastCheckpoint() throws IOException {
    return latest(path);
  }

  /**
   * Where the run stands, according to its newest complete checkpoint.
   *
   * @param batchSize images per step of one worker
   * @throws InvalidInputException if the checkpoint's state does not fit the batch size, its files
   *     or the checkpoint before it
   */
  public RunPosition position(int batchSize) throws IOException {
    List<Folder> complete = folders(path).values().stream().filter(Folder::complete).toList();
    if (complete.isEmpty()) {
      return RunPosition.START;
    }
    Folder last = complete.get(complete.size() - 1);
    CheckpointState before =
        complete.size() == 1 ? null : complete.get(complete.size() - 2).checkpoint().state();
    Checkpoint checkpoint = last.checkpoint();
    try {
      checkpoint.state().requireReachable(batchSize, before);
    } catch (IllegalArgumentException e) {
      throw checkpoint.invalid(e.getMessage(), e);
    }
    last.requireOptimizers(checkpoint.state().workersOfRound());
    return RunPosition.of(Optional.of(checkpoint), batchSize);
  }

  /** The complete checkpoint at a position. */
  public Optional<Checkpoint> checkpoint(RunPosition position) throws IOException {
    Checkpoint checkpoint = new Checkpoint(position.step(), folder(position.step()));
    return StoredFile.in(checkpoint.directory(), Checkpoint.STATE).exists()
        ? Optional.of(checkpoint)
        : Optional.empty();
  }

  /** Where the files of a step's checkpoint go. */
  public String folder(long step) {
    return path + "/" + CHECKPOINTS + "/" + name(step);
  }

  private static String name(long step) {
    return String.format(Locale.ROOT, "step-%06d", step);
  }

  /**
   * Writes a checkpoint, replacing whatever an earlier start left of the same step, and removes old
   * checkpoints.
   *
   * @param state goes into {@code state.json}
   * @param files the content of each other file, by name
   */
  public void writeCheckpoint(CheckpointState state, Map<String, ChannelWriter> files)
      throws IOException {
    long step = state.step();
    if (files.containsKey(Checkpoint.STATE)) {
      throw new IllegalArgumentException(Checkpoint.STATE + " is not for the caller to write");
    }
    Folder left = folders(path).get(step);
    if (left != null) {
      remove(left);
    }
    for (Map.Entry<String, ChannelWriter> file : files.entrySet()) {
      StoredFile.in(folder(step), file.getKey()).write(file.getValue());
    }
    commit(state, files.keySet());
  }

  /**
   * Turns the files in a step's folder into a checkpoint. Removes all other files in that folder,
   * and old checkpoints.
   *
   * @param state goes into {@code state.json}, which is written last
   * @param files that were written into {@link #folder}
   * @throws IOException if one of the files is missing
   */
  public void commit(CheckpointState state, Set<String> files) throws IOException {
    long step = state.step();
    Folder folder = folders(path).getOrDefault(step, new Folder(step, folder(step), List.of()));
    for (String file : files) {
      if (!folder.files().contains(file)) {
        throw new FileNotFoundException(folder.directory() + " lacks " + file);
      }
    }
    for (String file : folder.files()) {
      // Left by an earlier attempt: one with more workers, or the temporary files of a killed one.
      if (!files.contains(file)) {
        StoredFile.in(folder.directory(), file).deleteIfExists();
      }
    }
    Optional<Checkpoint> last = lastCheckpoint();
    long ordinal = last.isPresent() ? last.get().state().ordinal() + 1 : 1;
    StoredFile.in(folder.directory(), Checkpoint.STATE)
        .commit(Json.pretty(state.withOrdinal(ordinal)));
    prune();
  }

  /** The newest complete checkpoint of the run in a folder, read without opening the run. */
  public static Optional<Checkpoint> latest(String runDirectory) throws IOException {
    List<Checkpoint> complete = complete(runDirectory);
    return complete.isEmpty() ? Optional.empty() : Optional.of(complete.get(complete.size() - 1));
  }

  /** The complete checkpoints of the run in a folder by step, read without opening the run. */
  public static List<Checkpoint> complete(String runDirectory) throws IOException {
    List<Checkpoint> complete = new ArrayList<>();
    for (Folder folder : folders(StoredFile.withoutLastSlash(runDirectory)).values()) {
      if (folder.complete()) {
        complete.add(folder.checkpoint());
      }
    }
    return complete;
  }

  /**
   * The checkpoint that an option names: its own folder ({@code RUN/checkpoints/step-000700}), or
   * the newest of a run ({@code RUN}).
   *
   * @param option the option's name, such as {@code --backbone}
   * @throws InvalidOptionException if there is none
   */
  public static Checkpoint locate(String option, String path) throws IOException {
    String given = option + "=" + path;
    RunConfig.requirePlainPath(given, path);
    String directory = StoredFile.withoutLastSlash(path);
    Matcher folder = STEP_FOLDER.matcher(directory + "/" + Checkpoint.STATE);
    boolean complete = StoredFile.in(directory, Checkpoint.STATE).exists();
    if (folder.matches() && complete) {
      return new Checkpoint(Long.parseLong(folder.group(2)), directory);
    }
    Optional<Checkpoint> latest = latest(directory);
    if (latest.isPresent()) {
      return latest.get();
    }
    String found = "no complete checkpoint";
    if (folder.matches()) {
      found = "no " + Checkpoint.STATE + " in it";
    } else if (StoredFile.in(directory, RunConfig.FILE).exists()) {
      found = "a run that has not written a checkpoint yet";
    }
    throw new InvalidOptionException(
        given,
        found,
        "the folder of a run, one of its checkpoints/step-…, or a file (.safetensors, .pth)");
  }

  /** Removes checkpoints that are not kept, and what killed starts left. */
  private void prune() throws IOException {
    List<Folder> folders = new ArrayList<>(folders(path).values());
    int complete = 0;
    for (int i = folders.size() - 1; i >= 0; i--) {
      Folder folder = folders.get(i);
      if (folder.complete()) {
        complete++;
        if (complete > NEWEST_KEPT && ordinal(folder) % keepEvery != 0) {
          remove(folder);
        }
      } else if (complete > 0) {
        // Older than the newest checkpoint. A newer folder may still be being written.
        remove(folder);
      }
    }
  }

  /**
   * The ordinal of a checkpoint among all that the run has written, from 1. It does not depend on
   * how often the run was killed.
   */
  private static long ordinal(Folder folder) throws IOException {
    try {
      return folder.checkpoint().state().ordinal();
    } catch (InvalidInputException e) {
      return 0; // it is kept, and costs an old checkpoint's space, not the run
    }
  }

  /** One step's folder, complete or not. */
  private record Folder(long step, String directory, List<String> files) {
    boolean complete() {
      return files.contains(Checkpoint.STATE);
    }

    Checkpoint checkpoint() {
      return new Checkpoint(step, directory);
    }

    /** Checks that there is an optimizer's file of each worker of the round, and no other. */
    void requireOptimizers(int workers) {
      Set<String> wanted =
          IntStream.range(0, workers)
              .mapToObj(Checkpoint::optimizer)
              .collect(Collectors.toCollection(TreeSet::new));
      Set<String> found =
          files.stream()
              .filter(OPTIMIZER.asMatchPredicate())
              .collect(Collectors.toCollection(TreeSet::new));
      if (!found.equals(wanted)) {
        throw checkpoint().invalid("%d workers and the files %s".formatted(workers, found), null);
      }
    }
  }

  /** The folders below {@code checkpoints}, by step. */
  private static SortedMap<Long, Folder> folders(String runDirectory) throws IOException {
    SortedMap<Long, Folder> folders = new TreeMap<>();
    for (String file : StoredFile.matching(runDirectory, CHECKPOINTS + "/step-*/*")) {
      Matcher match = STEP_FOLDER.matcher(file);
      if (match.matches()) {
        long step = Long.parseLong(match.group(2));
        if (!match.group(1).endsWith("/" + name(step))) {
          continue; // not a name that a run gives
        }
        folders
            .computeIfAbsent(step, s -> new Folder(s, match.group(1), new ArrayList<>()))
            .files()
            .add(match.group(3));
      }
    }
    return folders;
  }

  private static void remove(Folder folder) throws IOException {
    if (folder.complete()) {
      // First, so that a run killed in the middle leaves no checkpoint that lacks a file.
      StoredFile.in(folder.directory(), Checkpoint.STATE).deleteIfExists();
    }
    for (String file : folder.files()) {
      if (!file.equals(Checkpoint.STATE)) {
        StoredFile.in(folder.directory(), file).deleteIfExists();
      }
    }
    new StoredFile(folder.directory()).deleteEmptyFolder();
  }
}
