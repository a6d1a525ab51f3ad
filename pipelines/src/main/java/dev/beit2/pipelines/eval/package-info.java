/**
 * The command {@code evaluate}: extracts the features of labeled images with a trained backbone and
 * measures their k-NN accuracy.
 */
package dev.beit2.pipelines.eval;
