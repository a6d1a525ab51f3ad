/** {@code ./beit2 doctor}: what this machine has of what a run needs. */
package dev.beit2.pipelines.doctor;
