/**
 * Readers of image datasets: folders, ImageNet archives, WebDataset, Parquet and TFRecord.
 * Pipelines read them with {@link dev.beit2.io.image.source.ImageDatasetIO}; training reads them in
 * shuffled order with {@link dev.beit2.io.image.source.ImageDataset}.
 */
package dev.beit2.io.image.source;
