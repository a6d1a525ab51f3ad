package dev.beit2.model.checkpoint;

import javax.annotation.Nullable;

/**
 * A part of a file.
 *
 * @param start offset of its first byte
 * @param size in bytes
 * @param crc its CRC-32; null if the file does not say
 */
record FilePart(long start, long size, @Nullable Long crc) {}
