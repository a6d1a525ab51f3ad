/** The files of checkpoints: safetensors, and the metadata of a model. */
package dev.beit2.model.checkpoint;
