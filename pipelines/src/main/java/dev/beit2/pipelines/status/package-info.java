/** {@code ./beit2 status}: the progress of a training run, read from the run's folder alone. */
package dev.beit2.pipelines.status;
