/** Pretrains a masked image model with patch aggregation from MIM shards (sections 3.2 and 3.3). */
package dev.beit2.pipelines.mim;
