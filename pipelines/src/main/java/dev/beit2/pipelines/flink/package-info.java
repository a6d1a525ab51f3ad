/**
 * What depends on Flink itself rather than on Beam: where a pipeline runs, the jobs of a cluster by
 * its REST interface, and which task a key is sent to. Knows no command and no options of ours.
 */
package dev.beit2.pipelines.flink;
