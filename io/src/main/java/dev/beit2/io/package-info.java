/**
 * Code that images and shards share: input paths and their errors, reproducible randomness, and
 * JSON.
 */
package dev.beit2.io;
