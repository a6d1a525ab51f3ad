package dev.beit2.model.teacher;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import dev.beit2.model.torch.Kernels;
import dev.beit2.model.torch.StateDict;
import dev.beit2.model.vit.ImageNet;
import dev.beit2.model.vit.Vit;
import dev.beit2.model.vit.VitConfig;
import dev.beit2.model.vit.VitConfig.Positions;

/** DINO's vision transformer; see {@link Teacher#dino}. */
final class DinoTeacher implements Teacher {
  private final Kernels kernels;
  private final StateDict weights;
  private final Vit vit;

  DinoTeacher(Kernels kernels, StateDict weights, int heads) {
    this.kernels = kernels;
    this.weights = weights;
    this.vit = new Vit(config(weights, heads), kernels, weights, "");
  }

  private static VitConfig config(StateDict weights, int heads) {
    long[] proj = weights.get("patch_embed.proj.weight").getShape().getShape();
    long patches = weights.get("pos_embed").getShape().get(1) - 1;
    int patch = (int) proj[2];
    int side = (int) Math.round(Math.sqrt(patches)) * patch;
    int depth = weights.names(name -> name.endsWith(".attn.qkv.weight")).size();
    return new VitConfig(
        side, patch, (int) proj[1], (int) proj[0], depth, heads, 4, Positions.ABSOLUTE, 0, 0);
  }

  @Override
  public int dimension() {
    return vit.config().dim();
  }

  @Override
  public int imageSize() {
    return vit.config().imageSize();
  }

  @Override
  public int grid() {
    return vit.config().grid();
  }

  @Override
  public NDArray features(NDManager manager, NDArray images) {
    NDArray x = vit.patchEmbed(manager, ImageNet.normalize(kernels, manager, images));
    x = vit.blocks(manager, vit.embed(manager, x));
    return kernels.call(manager, "patch_tokens", vit.norm(manager, x, "norm"));
  }

  @Override
  public void close() {
    weights.close();
  }
}
