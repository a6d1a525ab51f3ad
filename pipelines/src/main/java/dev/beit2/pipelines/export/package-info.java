/** {@code ./beit2 export}: a checkpoint for other tools, with a model card. */
package dev.beit2.pipelines.export;
