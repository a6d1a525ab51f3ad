/** Objects that all tasks of a JVM share, and the JVM's peak memory. */
package dev.beit2.pipelines.jvm;
