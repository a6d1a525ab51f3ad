/** Vision transformers under the official code's parameter names: shape, blocks, initial values. */
package dev.beit2.model.vit;
