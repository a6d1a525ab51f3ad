/**
 * MIM shards: Parquet files of images and the codes of their views, with a manifest. Pipelines read
 * and write them with {@link dev.beit2.io.shard.MimShardIO}; training reads them in shuffled order
 * with {@link dev.beit2.io.shard.MimShards}.
 */
package dev.beit2.io.shard;
