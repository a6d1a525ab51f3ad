/**
 * Training in rounds (local SGD, DiLoCo): {@link dev.beit2.pipelines.train.TrainingJobs} submits
 * jobs of rounds, and {@code TrainingLoop} takes the steps of a worker. A training supplies a
 * {@link dev.beit2.pipelines.train.TrainingSpec}; this package knows none of them.
 */
package dev.beit2.pipelines.train;
