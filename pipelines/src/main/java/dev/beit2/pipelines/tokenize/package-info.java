/**
 * The commands {@code tokenize} and {@code verify}: draws views of each image, encodes them with a
 * trained tokenizer, stores images, views and codes as MIM shards, and checks such shards.
 */
package dev.beit2.pipelines.tokenize;
