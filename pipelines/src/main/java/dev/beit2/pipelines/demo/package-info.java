/**
 * The command {@code demo}: runs all stages on the sample photographs in one JVM and writes a
 * report. Nothing here is part of the jobs' jar.
 */
package dev.beit2.pipelines.demo;
