/** The teachers that a tokenizer is distilled from: HOG, CLIP and DINO. */
package dev.beit2.model.teacher;
