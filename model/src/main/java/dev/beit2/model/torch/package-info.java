/** The PyTorch engine: kernels in TorchScript, named tensors, devices, activation checkpointing. */
package dev.beit2.model.torch;
