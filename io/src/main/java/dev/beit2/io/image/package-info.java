/**
 * Images: decoding and encoding, the augmented {@link dev.beit2.io.image.View views} of an image,
 * and batches for a network. Pixels match Pillow's and torchvision's.
 */
package dev.beit2.io.image;
