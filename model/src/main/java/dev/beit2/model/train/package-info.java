/** Training: optimizer, schedule, parameter groups, and a trainer for each network. */
package dev.beit2.model.train;
