/**
 * The command {@code bench}: measures the networks and the data pipeline on this machine. Nothing
 * here is part of the jobs' jar.
 */
package dev.beit2.pipelines.bench;
