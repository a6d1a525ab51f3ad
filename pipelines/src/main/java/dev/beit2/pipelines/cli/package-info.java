/**
 * The command line: the definition of a command; parsing, validation and help of its options;
 * failures as one line and an exit code; progress on the console. Knows no command.
 */
package dev.beit2.pipelines.cli;
