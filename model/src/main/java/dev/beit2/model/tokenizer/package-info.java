/** The tokenizer: VQ-KD with a codebook that is updated by EMA (paper, section 3.1). */
package dev.beit2.model.tokenizer;
