/**
 * Where images come from: folders, ImageNet's archives, WebDataset, Parquet and TFRecord, as a
 * stream for pipelines ({@link dev.beit2.io.image.source.ImageDatasetIO}) and in shuffled order for
 * training ({@link dev.beit2.io.image.source.ImageDataset}).
 */
package dev.beit2.io.image.source;
