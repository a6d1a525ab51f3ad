/**
 * The hyper-parameters of each stage and preset, in one record each. Command-line defaults, help
 * and {@code config.json} read them from here.
 */
package dev.beit2.model.recipe;
