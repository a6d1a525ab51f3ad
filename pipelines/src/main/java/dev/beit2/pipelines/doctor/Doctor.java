package dev.beit2.pipelines.doctor;

import com.sun.management.OperatingSystemMXBean;
import dev.beit2.io.InputFiles;
import dev.beit2.io.Json;
import dev.beit2.io.PlainText;
import dev.beit2.io.store.StoredFile;
import dev.beit2.model.torch.DeviceChoice;
import dev.beit2.model.torch.TorchLibrary;
import dev.beit2.pipelines.cli.Command;
import dev.beit2.pipelines.cli.CommandLine;
import dev.beit2.pipelines.cli.Positional;
import dev.beit2.pipelines.flink.FlinkJobs;
import dev.beit2.pipelines.flink.FlinkJobs.Overview;
import dev.beit2.pipelines.flink.FlinkTarget;
import java.io.IOException;
import java.io.PrintStream;
import java.lang.management.ManagementFactory;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.UUID;
import org.apache.beam.sdk.options.Default;
import org.apache.beam.sdk.options.Description;
import org.apache.beam.sdk.options.PipelineOptions;

/** Says what this machine has of what a run needs, before a long run is started. */
public final class Doctor {
  static final String NAME = "doctor";

  public static final Command<Options> COMMAND =
      Command.of(
          NAME,
          "what this machine has of what a run needs",
          "Says what this machine has of what a run needs: Java, memory, processors, PyTorch and its devices, Flink at"
              + " --flinkMaster, and access to folders and buckets. Ends with exit code 1 if something cannot be used.",
          Options.class,
          options -> print(examine(options), options.getJson(), System.out));

  private static final double GIBIBYTE = 1 << 30;

  private Doctor() {}

  /** The options of {@code ./beit2 doctor}. */
  public interface Options extends PipelineOptions {
    @Description(
        "Folders that a run would read or write, such as gs://BUCKET/runs. In each one a small file is written, read"
            + " and deleted. Left out: no folder is looked at.")
    @Positional(several = true)
    String getPath();

    void setPath(String path);

    @Description("The device that a run would ask for: gpu, cpu or auto.")
    @Default.Enum("AUTO")
    DeviceChoice getDevice();

    void setDevice(DeviceChoice device);

    @Description("Whether to print the findings as JSON.")
    @Default.Boolean(false)
    boolean getJson();

    void setJson(boolean json);
  }

  /** {@code ./beit2 doctor}. */
  public static void main(String[] args) {
    CommandLine.main(COMMAND, args);
  }

  static List<Finding> examine(Options options) throws InterruptedException {
    List<Finding> findings = new ArrayList<>();
    findings.add(java());
    findings.add(memory());
    findings.add(
        Finding.of("processors", FlinkTarget.processors() + ", " + Processor.precisions()));
    TorchLibrary library = TorchLibrary.loaded();
    boolean lacksGpu = options.getDevice() == DeviceChoice.GPU && library.gpus().isEmpty();
    findings.add(new Finding("device", library.toString(), !lacksGpu));
    findings.add(temporaryFiles());
    FlinkTarget target = FlinkTarget.of(options);
    findings.add(target.isRemote() ? cluster(target.master()) : Finding.of("Flink", "in this JVM"));
    if (options.getPath() != null) {
      options.getPath().lines().map(Doctor::folder).forEach(findings::add);
    }
    return findings;
  }

  private static Finding java() {
    return Finding.of(
        "Java",
        String.format(
            Locale.ROOT,
            "%s (%s), heap %.1f GiB",
            System.getProperty("java.version"),
            System.getProperty("java.vendor"),
            Runtime.getRuntime().maxMemory() / GIBIBYTE));
  }

  private static Finding memory() {
    OperatingSystemMXBean system =
        (OperatingSystemMXBean) ManagementFactory.getOperatingSystemMXBean();
    return Finding.of(
        "memory",
        String.format(
            Locale.ROOT,
            "%.1f GiB; tensors live outside of the heap",
            system.getTotalMemorySize() / GIBIBYTE));
  }

  private static Finding temporaryFiles() {
    Path folder = Path.of(System.getProperty("java.io.tmpdir"));
    try {
      double free = Files.getFileStore(folder).getUsableSpace() / GIBIBYTE;
      return Finding.of(
          "temporary files",
          String.format(Locale.ROOT, "%s, %.1f GiB free (TMPDIR)", folder, free));
    } catch (IOException e) {
      return Finding.unusable("temporary files", folder + ": " + e.getMessage());
    }
  }

  private static Finding cluster(String master) throws InterruptedException {
    FlinkJobs flink = FlinkJobs.at(master);
    try {
      Overview overview = flink.overview();
      String found =
          "%s at %s, %d TaskManagers, %d slots, %d of them free"
              .formatted(
                  flink.version(),
                  master,
                  overview.taskManagers(),
                  overview.slots(),
                  overview.freeSlots());
      return new Finding("Flink", found, overview.slots() > 0);
    } catch (IOException e) {
      return Finding.unusable("Flink", "nobody at " + master + " (" + e.getMessage() + ")");
    }
  }

  /** Writes, reads and deletes a file, as a run does. */
  private static Finding folder(String path) {
    StoredFile probe = StoredFile.in(path, ".doctor-" + UUID.randomUUID());
    String text = "written by ./beit2 doctor";
    boolean isNew = InputFiles.local(path).map(local -> !Files.exists(local)).orElse(false);
    try {
      probe.write(text);
      boolean same = probe.readText().equals(text);
      probe.deleteIfExists();
      if (isNew) {
        new StoredFile(path).deleteEmptyFolder();
      }
      return same
          ? Finding.of(path, "can be written and read")
          : Finding.unusable(path, "gives other bytes than were written");
    } catch (IOException | RuntimeException e) {
      return Finding.unusable(path, "cannot be used: " + e);
    }
  }

  static int print(List<Finding> findings, boolean json, PrintStream out) {
    boolean usable = findings.stream().allMatch(Finding::usable);
    if (json) {
      Map<String, Object> all = new LinkedHashMap<>();
      all.put("usable", usable);
      all.put("findings", findings);
      out.println(Json.pretty(all).stripTrailing());
    } else {
      findings.forEach(
          finding ->
              out.printf(
                  "%-4s %s: %s%n",
                  finding.usable() ? "ok" : "NOT", finding.thing(), PlainText.of(finding.found())));
    }
    return usable ? CommandLine.OK : CommandLine.FAILED;
  }
}
