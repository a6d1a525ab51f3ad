/**
 * Options that several commands have in common, and the inputs that options name: images, shards
 * and models of checkpoints.
 */
package dev.beit2.pipelines.options;
