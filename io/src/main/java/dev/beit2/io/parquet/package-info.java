/** Safe decompression of Parquet files that others wrote. */
package dev.beit2.io.parquet;
