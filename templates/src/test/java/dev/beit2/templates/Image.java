package dev.beit2.templates;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.regex.Matcher;
import java.util.regex.Pattern;
import java.util.stream.Stream;

/**
 * What the Dockerfile puts into an image.
 *
 * @param environment variables of all processes
 * @param files paths in the image, and what is copied there from this checkout
 */
record Image(Map<String, String> environment, Map<String, Path> files) {
  private static final Path CHECKOUT = Path.of("..");
  private static final Pattern VARIABLE = Pattern.compile("(\\w+)=(\\S*)");
  private static final Pattern COPY = Pattern.compile("COPY ([^-]\\S*) (\\S+)");

  /** The image without GPUs, built for a template. */
  static Image of(Template template) throws IOException {
    Map<String, String> environment = new LinkedHashMap<>();
    Map<String, Path> files = new LinkedHashMap<>();
    String text = Files.readString(Path.of("Dockerfile")).replace("\\\n", " ");
    String cpu = text.substring(text.indexOf("AS cpu"), text.indexOf("AS gpu"));
    for (String line : cpu.lines().toList()) {
      if (line.startsWith("ENV ")) {
        Matcher variable = VARIABLE.matcher(line);
        while (variable.find()) {
          environment.put(
              variable.group(1),
              variable.group(2).replace("${MAIN_CLASS}", template.main().getName()));
        }
      }
      Matcher copy = COPY.matcher(line);
      if (copy.matches()) {
        files.put(copy.group(2), CHECKOUT.resolve(copy.group(1)));
      }
    }
    return new Image(environment, files);
  }

  /** How Google's launcher starts the pipeline. */
  List<String> java(List<String> arguments) {
    Path jar = files.get(environment.get("FLEX_TEMPLATE_JAVA_CLASSPATH"));
    return Stream.of(
            Stream.of(Path.of(System.getProperty("java.home"), "bin", "java").toString()),
            Stream.of(environment.get("FLEX_TEMPLATE_JAVA_OPTIONS").split(" ")),
            // The compiler that is fast at the start: the processes are short.
            Stream.of("-XX:TieredStopAtLevel=1"),
            Stream.of("-cp", jar.toString()),
            Stream.of(environment.get("FLEX_TEMPLATE_JAVA_MAIN_CLASS")),
            arguments.stream())
        .flatMap(parts -> parts)
        .toList();
  }

  /** Runs the main class with arguments in the image's environment; returns what it has said. */
  String run(List<String> arguments) throws IOException, InterruptedException {
    ProcessBuilder process = new ProcessBuilder(java(arguments)).redirectErrorStream(true);
    process.environment().putAll(environment);
    return Processes.said(process);
  }
}
