/** A trained network in the formats of other tools: names, shapes, configs and containers. */
package dev.beit2.model.export;
