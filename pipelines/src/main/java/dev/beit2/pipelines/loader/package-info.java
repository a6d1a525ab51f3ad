/**
 * Examples for training: the partition of each worker, reading and decoding by position, and a
 * queue of prefetched batches. It knows neither networks nor commands.
 */
package dev.beit2.pipelines.loader;
