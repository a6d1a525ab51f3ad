/**
 * Averages the workers' parameters at the end of a round by Beam's shuffle, and writes the result
 * as files of the next checkpoint.
 */
package dev.beit2.pipelines.average;
