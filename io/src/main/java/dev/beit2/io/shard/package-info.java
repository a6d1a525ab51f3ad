/**
 * Shards out: images with their views' codes in Parquet files, a manifest beside them, and readers.
 */
package dev.beit2.io.shard;
