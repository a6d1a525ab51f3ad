/**
 * The masked image model with patch aggregation, and block-wise masks (paper, sections 3.2 and
 * 3.3).
 */
package dev.beit2.model.mim;
