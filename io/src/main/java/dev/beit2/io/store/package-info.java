/**
 * Files on the local disk and in object stores, by path. Writes are atomic: a file appears complete
 * or not at all.
 */
package dev.beit2.io.store;
