/**
 * The command {@code generate}: any number of JPEGs cropped from a few photographs, to try the
 * other commands on at scale. It runs on a cluster as they do.
 */
package dev.beit2.pipelines.generate;
