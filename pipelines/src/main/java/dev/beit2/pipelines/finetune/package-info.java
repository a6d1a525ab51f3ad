/** Fine-tunes a pretrained backbone as a classifier of images (section 4.1). */
package dev.beit2.pipelines.finetune;
