/**
 * The page {@code report.html} and the numbers it shows. It depends on no command: its caller hands
 * over {@link dev.beit2.pipelines.report.ReportData}. Nothing here is part of the jobs' jar.
 */
package dev.beit2.pipelines.report;
