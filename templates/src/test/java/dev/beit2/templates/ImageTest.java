package dev.beit2.templates;

import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertNotNull;
import static org.junit.jupiter.api.Assertions.assertTrue;

import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.PosixFilePermissions;
import java.util.ArrayList;
import java.util.List;
import org.apache.beam.sdk.util.ReleaseInfo;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.EnumSource;

/** The Dockerfile and the script that an image starts with. */
final class ImageTest {
  @TempDir Path dir;

  @ParameterizedTest
  @CsvSource({
    "boot,--id=sdk-0-0 --control_endpoint=localhost:1",
    "boot,--logging_endpoint=localhost:1 --id=sdk-0-0",
    "launcher,--template-container-args={}",
    "launcher,''"
  })
  void workersBootAndLaunchersLaunch(String wanted, String arguments) throws Exception {
    List<String> command = new ArrayList<>(List.of("sh", "entrypoint"));
    if (!arguments.isEmpty()) {
      command.addAll(List.of(arguments.split(" ")));
    }
    ProcessBuilder entrypoint = new ProcessBuilder(command);
    entrypoint.environment().put("BEAM_BOOT", program("boot"));
    entrypoint.environment().put("TEMPLATE_LAUNCHER", program("launcher"));
    assertEquals((wanted + " " + arguments).strip(), Processes.said(entrypoint).strip());
  }

  /** A program that prints its name and its arguments. */
  private String program(String name) throws Exception {
    Path program = dir.resolve(name);
    Files.writeString(program, "#!/bin/sh\necho " + name + " \"$@\"\n");
    Files.setPosixFilePermissions(program, PosixFilePermissions.fromString("rwx------"));
    return program.toString();
  }

  @ParameterizedTest
  @EnumSource
  void mainClassesHaveAMain(Template template) throws Exception {
    Image image = Image.of(template);
    String main = image.environment().get("FLEX_TEMPLATE_JAVA_MAIN_CLASS");
    assertNotNull(Class.forName(main).getMethod("main", String[].class));
    assertTrue(Files.readString(Path.of("README.md")).contains(main), main + " in README.md");
    String jar = image.environment().get("FLEX_TEMPLATE_JAVA_CLASSPATH");
    assertEquals("beit2-dataflow.jar", image.files().get(jar).getFileName().toString());
  }

  @Test
  void workersHaveTheBeamOfTheJar() throws Exception {
    String version = ReleaseInfo.getReleaseInfo().getSdkVersion();
    String dockerfile = Files.readString(Path.of("Dockerfile"));
    assertTrue(
        dockerfile.contains("ARG BEAM_IMAGE=apache/beam_java17_sdk:" + version + "\n"), version);
  }
}
