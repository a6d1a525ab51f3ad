/** Semantic segmentation: UPerNet on a transformer (official {@code semantic_segmentation}). */
package dev.beit2.model.segment;
