/** What reading Parquet files of others needs. */
package dev.beit2.io.parquet;
