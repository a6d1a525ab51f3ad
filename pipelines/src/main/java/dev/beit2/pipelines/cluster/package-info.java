/**
 * {@code ./beit2 cluster}: a Flink cluster on this machine, whose JobManager and TaskManagers are
 * processes that outlive the command. One folder holds everything that is known about a cluster.
 */
package dev.beit2.pipelines.cluster;
