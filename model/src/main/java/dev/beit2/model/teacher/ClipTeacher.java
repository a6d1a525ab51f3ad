package dev.beit2.model.teacher;

import ai.djl.ndarray.NDArray;
import ai.djl.ndarray.NDManager;
import dev.beit2.model.torch.Kernels;
import dev.beit2.model.torch.StateDict;
import java.util.List;
import java.util.stream.Stream;

/** CLIP's image encoder; see {@link Teacher#clip}. */
final class ClipTeacher implements Teacher {
  private static final float[] MEAN = {0.48145466f, 0.4578275f, 0.40821073f};
  private static final float[] STD = {0.26862954f, 0.26130258f, 0.27577711f};

  private final Kernels kernels;
  private final StateDict weights;
  private final NDArray heads;
  private final List<List<NDArray>> blocks;

  ClipTeacher(Kernels kernels, StateDict weights, int heads) {
    this.kernels = kernels;
    this.weights = weights;
    this.heads = kernels.number(heads);
    this.blocks =
        weights.names(name -> name.endsWith(".attn.in_proj_weight")).stream()
            .map(name -> block(name.substring(0, name.length() - "attn.in_proj_weight".length())))
            .toList();
  }

  private List<NDArray> block(String prefix) {
    return Stream.of(
            "ln_1.weight",
            "ln_1.bias",
            "attn.in_proj_weight",
            "attn.in_proj_bias",
            "",
            "attn.out_proj.weight",
            "attn.out_proj.bias",
            "ln_2.weight",
            "ln_2.bias",
            "mlp.c_fc.weight",
            "mlp.c_fc.bias",
            "mlp.c_proj.weight",
            "mlp.c_proj.bias")
        .map(name -> name.isEmpty() ? kernels.none() : weights.get(prefix + name))
        .toList();
  }

  private NDArray get(String name) {
    return weights.get("visual." + name);
  }

  @Override
  public int dimension() {
    return (int) get("proj").getShape().get(1);
  }

  @Override
  public int imageSize() {
    return grid() * (int) get("conv1.weight").getShape().get(2);
  }

  @Override
  public int grid() {
    return (int) Math.round(Math.sqrt(get("positional_embedding").getShape().get(0) - 1.0));
  }

  @Override
  public NDArray features(NDManager manager, NDArray images) {
    NDArray x =
        kernels.call(manager, "normalize", images, manager.create(MEAN), manager.create(STD));
    x = kernels.call(manager, "patch_embed", x, get("conv1.weight"), kernels.none());
    NDArray cls = get("class_embedding").reshape(1, 1, -1);
    cls.attach(manager);
    x =
        kernels.call(
            manager, "embed", x, kernels.none(), kernels.none(), cls, get("positional_embedding"));
    x = kernels.call(manager, "clip_norm", x, get("ln_pre.weight"), get("ln_pre.bias"));
    for (List<NDArray> block : blocks) {
      x = kernels.call(manager, "clip_block", new NDArray[] {x, kernels.none(), heads}, block);
    }
    return kernels.call(
        manager, "clip_head", x, get("ln_post.weight"), get("ln_post.bias"), get("proj"));
  }

  @Override
  public void close() {
    weights.close();
  }
}
