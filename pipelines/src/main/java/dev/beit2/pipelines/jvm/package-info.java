/** What concerns a JVM as a whole: objects that its tasks share, and its peak memory. */
package dev.beit2.pipelines.jvm;
