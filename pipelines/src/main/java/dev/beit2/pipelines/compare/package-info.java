/** Puts runs and what was measured of them side by side. */
package dev.beit2.pipelines.compare;
