/** The files of a run: its configuration, checkpoints and their state, metrics, class names. */
package dev.beit2.pipelines.run;
