/** Measures how fast a machine runs the networks. */
package dev.beit2.model.bench;
