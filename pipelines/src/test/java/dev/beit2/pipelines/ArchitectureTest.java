package dev.beit2.pipelines;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.core.domain.JavaClass;
import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;
import com.tngtech.archunit.library.dependencies.SliceAssignment;
import com.tngtech.archunit.library.dependencies.SliceIdentifier;
import java.util.Set;
import java.util.stream.Stream;

/** ARCHITECTURE.md: who may depend on whom. */
@AnalyzeClasses(packages = "dev.beit2", importOptions = ImportOption.DoNotIncludeTests.class)
final class ArchitectureTest {
  @ArchTest
  static final ArchRule IO_KNOWS_NO_NETWORK =
      noClasses()
          .that()
          .resideInAPackage("dev.beit2.io..")
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage("dev.beit2.model..", "dev.beit2.pipelines..", "ai.djl..");

  @ArchTest
  static final ArchRule MODEL_KNOWS_NO_PIPELINE =
      noClasses()
          .that()
          .resideInAPackage("dev.beit2.model..")
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage(
              "dev.beit2.io..",
              "dev.beit2.pipelines..",
              "org.apache.beam..",
              "org.apache.flink..",
              "org.apache.parquet..");

  @ArchTest
  static final ArchRule PIPELINES_LEAVE_TENSORS_TO_THE_MODEL =
      noClasses()
          .that()
          .resideInAPackage("dev.beit2.pipelines..")
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage("ai.djl..", "org.apache.parquet..", "org.bytedeco..");

  /** The packages that any command may use; none of them knows a command. */
  @ArchTest
  static final ArchRule MECHANISMS_KNOW_NO_COMMAND =
      noClasses()
          .that()
          .resideInAnyPackage(packages("cli", "flink", "options", "run", "loader"))
          .or()
          .resideInAnyPackage(packages("average", "train", "report", "html", "jvm"))
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage(packages("vqkd", "mim", "finetune", "segment", "tokenize", "eval"))
          .orShould()
          .dependOnClassesThat()
          .resideInAnyPackage(
              packages(
                  "cluster", "status", "demo", "bench", "generate", "export", "compare", "doctor"))
          .orShould()
          .dependOnClassesThat()
          .resideInAPackage("dev.beit2.pipelines");

  /**
   * What moves examples and averages chunks could serve any training: it knows no other package.
   */
  @ArchTest
  static final ArchRule LOADER_AND_AVERAGE_KNOW_NO_TRAINING =
      noClasses()
          .that()
          .resideInAnyPackage(packages("loader", "average"))
          .should()
          .dependOnClassesThat()
          .resideInAnyPackage(packages("train", "options", "report"));

  /** The stages of the paper hand each other files, not classes. */
  @ArchTest
  static final ArchRule STAGES_DO_NOT_KNOW_EACH_OTHER =
      slices().assignedFrom(new Stages()).should().notDependOnEachOther();

  @ArchTest
  static final ArchRule NO_CYCLES = slices().matching("dev.beit2.(**)").should().beFreeOfCycles();

  private static String[] packages(String... names) {
    return Stream.of(names)
        .map(name -> "dev.beit2.pipelines." + name + "..")
        .toArray(String[]::new);
  }

  private static final class Stages implements SliceAssignment {
    @Override
    public SliceIdentifier getIdentifierOf(JavaClass type) {
      String stage = type.getPackageName().replace("dev.beit2.pipelines.", "");
      return Set.of("vqkd", "mim", "finetune", "segment", "tokenize", "eval").contains(stage)
          ? SliceIdentifier.of(stage)
          : SliceIdentifier.ignore();
    }

    @Override
    public String getDescription() {
      return "the stages";
    }
  }
}
