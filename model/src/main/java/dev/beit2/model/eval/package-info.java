/** What is evaluated: features of a backbone, k-NN, and the classifier of fine-tuning. */
package dev.beit2.model.eval;
