package dev.beit2.pipelines;

import static com.tngtech.archunit.lang.syntax.ArchRuleDefinition.noClasses;
import static com.tngtech.archunit.library.dependencies.SlicesRuleDefinition.slices;

import com.tngtech.archunit.core.importer.ImportOption;
import com.tngtech.archunit.junit.AnalyzeClasses;
import com.tngtech.archunit.junit.ArchTest;
import com.tngtech.archunit.lang.ArchRule;

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

  @ArchTest
  static final ArchRule NO_CYCLES =
      slices().matching("dev.beit2.(*).(*)..").should().beFreeOfCycles();
}
