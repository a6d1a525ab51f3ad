package dev.beit2.model.eval;

import dev.beit2.model.vit.VitConfig;
import java.io.Serializable;

/**
 * The shape of a classifier.
 *
 * @param backbone the transformer
 * @param classes of the head
 * @param meanPooling whether the head sees the mean of the patch tokens, as in the official
 *     recipes, or [CLS] (official {@code --use_cls})
 */
public record ClassifierConfig(VitConfig backbone, int classes, boolean meanPooling)
    implements Serializable {
  private static final long serialVersionUID = 1L;
}
