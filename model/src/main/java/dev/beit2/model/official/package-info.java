/** Files of the official code ({@code .pth}) as files of this project. */
package dev.beit2.model.official;
