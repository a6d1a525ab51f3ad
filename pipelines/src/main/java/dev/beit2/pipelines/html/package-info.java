/** HTML pages that load nothing. */
package dev.beit2.pipelines.html;
