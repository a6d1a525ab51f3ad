/** Trains a backbone to segment images (section 4.1). */
package dev.beit2.pipelines.segment;
