/**
 * The first stage of the paper: trains a tokenizer by vector-quantized knowledge distillation
 * (section 3.1), and measures how well one fits a set of images.
 */
package dev.beit2.pipelines.vqkd;
