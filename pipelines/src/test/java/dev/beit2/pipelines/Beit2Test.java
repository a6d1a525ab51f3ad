package dev.beit2.pipelines;

import static java.nio.charset.StandardCharsets.UTF_8;
import static org.junit.jupiter.api.Assertions.assertEquals;
import static org.junit.jupiter.api.Assertions.assertTrue;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.domain.JavaField;
import com.tngtech.archunit.core.importer.ClassFileImporter;
import com.tngtech.archunit.core.importer.ImportOption;
import dev.beit2.pipelines.cli.Command;
import dev.beit2.pipelines.cli.CommandLine;
import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.io.PrintStream;
import java.lang.reflect.Modifier;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashSet;
import java.util.List;
import java.util.Set;
import org.junit.jupiter.api.Test;

final class Beit2Test {
  private final ByteArrayOutputStream out = new ByteArrayOutputStream();
  private final ByteArrayOutputStream err = new ByteArrayOutputStream();

  private int run(String... args) {
    return Beit2.run(args, new PrintStream(out, true, UTF_8), new PrintStream(err, true, UTF_8));
  }

  private static List<String> names() {
    return Beit2.COMMANDS.stream().map(Command::name).toList();
  }

  /** A command that is written but not listed, or listed but without a main, would fail here. */
  @Test
  void everyCommandIsListedAndHasAMain() throws ReflectiveOperationException {
    Set<Command<?>> declared = new HashSet<>();
    for (JavaClass owner :
        new ClassFileImporter()
            .withImportOption(ImportOption.Predefined.DO_NOT_INCLUDE_TESTS)
            .importPackages("dev.beit2.pipelines")) {
      for (JavaField field : owner.getFields()) {
        if (field.getRawType().isEquivalentTo(Command.class)
            && Modifier.isStatic(field.reflect().getModifiers())) {
          declared.add((Command<?>) field.reflect().get(null));
          int main = owner.reflect().getMethod("main", String[].class).getModifiers();
          assertTrue(Modifier.isPublic(main) && Modifier.isStatic(main), owner.getName());
        }
      }
    }
    assertEquals(declared, Set.copyOf(Beit2.COMMANDS));
    assertEquals(names().size(), Set.copyOf(names()).size(), names().toString());
  }

  @Test
  void theLauncherScriptHasNoListOfItsOwn() throws IOException {
    String script = Files.readString(Path.of(System.getProperty("beit2.home", ".."), "beit2"));
    assertTrue(script.contains(Beit2.class.getName()), script);
    for (String name : names()) {
      assertTrue(!script.contains(name + ")"), name);
    }
  }

  @Test
  void helpListsEachCommandWithItsSummary() {
    for (String[] args : List.of(new String[0], new String[] {"help"}, new String[] {"--help"})) {
      out.reset();
      assertEquals(CommandLine.OK, run(args));
      String help = out.toString(UTF_8);
      assertTrue(help.startsWith("./beit2 COMMAND [--option=value ...]\n\n  demo  "), help);
      for (Command<?> command : Beit2.COMMANDS) {
        String line = "  %-16s %s".formatted(command.name(), command.summary());
        assertTrue(help.lines().anyMatch(line::equals), help);
      }
    }
    assertEquals("", err.toString(UTF_8));
  }

  @Test
  void theRemainingArgumentsGoToTheCommand() {
    assertEquals(CommandLine.OK, run("verify", "--help"));
    assertTrue(out.toString(UTF_8).startsWith("./beit2 verify "), out.toString(UTF_8));
    assertEquals(CommandLine.INVALID, run("verify", "--jsn"));
    assertTrue(err.toString(UTF_8).contains("did you mean --json?"), err.toString(UTF_8));
  }

  @Test
  void anUnknownCommandIsOneLineThatNamesTheKnownOnes() {
    assertEquals(CommandLine.INVALID, run("frobnicate"));
    assertEquals(
        "beit2: found the command frobnicate; wanted demo, train-tokenizer, codebook-check,"
            + " tokenize, pretrain, finetune, segment, status, extract-features, evaluate, linear-probe, report, export,"
            + " verify, generate, bench, cluster, doctor or help\n",
        err.toString(UTF_8));
    err.reset();
    assertEquals(CommandLine.INVALID, run("tokenise"));
    assertTrue(err.toString(UTF_8).endsWith("; did you mean tokenize?\n"), err.toString(UTF_8));
  }
}
