/** What images and shards have in common: reproducible randomness and errors in what was given. */
package dev.beit2.io;
