/**
 * The first stage of the paper: trains a tokenizer by vector-quantized knowledge distillation
 * (section 3.1).
 */
package dev.beit2.pipelines.vqkd;
