/**
 * Images in: sources, decoding, and the {@link dev.beit2.io.image.View views} that training sees.
 */
package dev.beit2.io.image;
