package dev.beit2.io.store;

import java.util.List;
import org.apache.beam.sdk.io.FileSystem;
import org.apache.beam.sdk.io.FileSystemRegistrar;
import org.apache.beam.sdk.options.PipelineOptions;

/**
 * Gives {@link ObjectStore} the pipeline's options wherever Beam gives them to its file systems: in
 * the launcher and in every worker. Found by Beam through META-INF/services.
 */
public final class ObjectStoreRegistrar implements FileSystemRegistrar {
  @Override
  public Iterable<FileSystem<?>> fromOptions(PipelineOptions options) {
    ObjectStore.configure(options);
    return List.of(); // Beam has one for gs:// already
  }
}
