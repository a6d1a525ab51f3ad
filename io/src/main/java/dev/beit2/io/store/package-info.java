/** Files by their paths, on the local disk and in object stores, whole or not at all. */
package dev.beit2.io.store;
