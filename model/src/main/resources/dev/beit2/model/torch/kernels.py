# TorchScript in its serialized form, as torch.jit.save writes it into an archive's code/ folder; it is not importable
# Python. ScriptArchive packs this file into an archive, and Kernels loads it: no Python is involved.
#
# The hot path of BEiT v2. Java holds the parameters and the structure of the networks; each function here is one call
# from Java. If bf16 is set, matrix products and attention run in bfloat16, and everything else (residual stream, layer
# norms, codebook, losses, optimizer) in float32, like autocast in the official code. An absent tensor (no bias, no layer
# scale) is passed as a tensor without elements. dtypes are numbers: 6 is float32, 15 is bfloat16.
class Kernels(Module):
  __parameters__ = []
  __buffers__ = []
  training : bool
  bf16 : bool

  # x [..., I], w [O, I], b [O] or empty -> [..., O]
  def linear(self: __torch__.Kernels, x: Tensor, w: Tensor, b: Tensor) -> Tensor:
    dtype = 6
    if self.bf16:
      dtype = 15
    bias = annotate(Optional[Tensor], None)
    if torch.numel(b) > 0:
      bias = torch.to(b, dtype)
    return torch.linear(torch.to(x, dtype), torch.to(w, dtype), bias)

  # Always in float32: the layers around the codebook, and the [CLS] features of a teacher.
  def linear32(self: __torch__.Kernels, x: Tensor, w: Tensor, b: Tensor) -> Tensor:
    bias = annotate(Optional[Tensor], None)
    if torch.numel(b) > 0:
      bias = b
    return torch.linear(torch.to(x, 6), w, bias)

  def layer_norm(self: __torch__.Kernels, x: Tensor, w: Tensor, b: Tensor, eps: float) -> Tensor:
    return torch.layer_norm(torch.to(x, 6), [torch.size(x, -1)], w, b, eps)

  def norm(self: __torch__.Kernels, x: Tensor, w: Tensor, b: Tensor) -> Tensor:
    return (self).layer_norm(x, w, b, 1e-06)

  # images [B, C, H, W], w [D, C, P, P] -> [B, H/P * W/P, D]. Stride and kernel are the same size, so the
  # convolution is a matrix product of the unfolded patches.
  def patch_embed(self: __torch__.Kernels, images: Tensor, w: Tensor, b: Tensor) -> Tensor:
    B, C, H, W = torch.size(images)
    P = torch.size(w, 2)
    x = torch.reshape(images, [B, C, H // P, P, W // P, P])
    x = torch.reshape(torch.permute(x, [0, 2, 4, 1, 3, 5]), [B, (H // P) * (W // P), C * P * P])
    return torch.to((self).linear(x, torch.flatten(w, 1), b), 6)

  # patches [B, N, D] -> [B, N + 1, D]: masked patches become the mask token, [CLS] comes first, positions are added.
  # mask [B, N] (1 = masked), mask_token and positions may be empty.
  def embed(self: __torch__.Kernels, patches: Tensor, mask: Tensor, mask_token: Tensor, cls_token: Tensor, positions: Tensor) -> Tensor:
    x = patches
    if torch.numel(mask) > 0:
      m = torch.unsqueeze(mask, -1)
      x = x * torch.rsub(m, 1) + mask_token * m
    x = torch.cat([torch.expand(cls_token, [torch.size(x, 0), -1, -1]), x], 1)
    if torch.numel(positions) > 0:
      x = x + positions
    return x

  # table [R, heads], index [T, T] -> [1, heads, T, T]. An embedding, since its gradient is summed in a fixed order.
  def relative_position_bias(self: __torch__.Kernels, table: Tensor, index: Tensor) -> Tensor:
    T = torch.size(index, 0)
    bias = torch.embedding(table, torch.reshape(index, [-1]))
    return torch.contiguous(torch.permute(torch.reshape(bias, [1, T, T, -1]), [0, 3, 1, 2]))

  # Attention whose bias and softmax are fp32, as in the official code under autocast: bfloat16 has 8 bits, too few for
  # a sum of scores and bias. q, k, v [B, heads, T, D / heads], bias [1, heads, T, T] -> [B, heads, T, D / heads]
  def biased_attention(self: __torch__.Kernels, q: Tensor, k: Tensor, v: Tensor, bias: Tensor) -> Tensor:
    scale = torch.pow(float(torch.size(q, 3)), -0.5)
    # Batched products in bfloat16 are slow on processors that emulate it, and a small part of a block.
    dtype = 6
    if ops.prim.is_cuda(q):
      dtype = 15
    scores = torch.matmul(torch.to(q * scale, dtype), torch.transpose(torch.to(k, dtype), 2, 3))
    weights = torch.softmax(torch.to(scores, 6) + bias, -1)
    return torch.to(torch.matmul(torch.to(weights, dtype), torch.to(v, dtype)), ops.prim.dtype(v))

  # x [B, T, D], bias [1, heads, T, T] or empty -> [B, T, D]. The keys have no bias: either q_bias and v_bias are given,
  # or the bias of all three and an empty v_bias.
  def attention(self: __torch__.Kernels, x: Tensor, bias: Tensor, heads: int, w: List[Tensor]) -> Tensor:
    qkv_weight = w[0]
    q_bias = w[1]
    v_bias = w[2]
    proj_weight = w[3]
    proj_bias = w[4]
    B, T, D = torch.size(x)
    qkv_bias = q_bias
    if torch.numel(v_bias) > 0:
      qkv_bias = torch.cat([q_bias, torch.zeros_like(q_bias), v_bias])
    qkv = torch.reshape((self).linear(x, qkv_weight, qkv_bias), [B, T, 3, heads, D // heads])
    q, k, v = torch.unbind(torch.permute(qkv, [2, 0, 3, 1, 4]))
    if self.bf16 and torch.numel(bias) > 0:
      y = (self).biased_attention(q, k, v, bias)
    else:
      mask = annotate(Optional[Tensor], None)
      if torch.numel(bias) > 0:
        mask = bias
      y = torch.scaled_dot_product_attention(q, k, v, mask, 0., False)
    return (self).linear(torch.reshape(torch.transpose(y, 1, 2), [B, T, D]), proj_weight, proj_bias)

  # x + keep * gamma * branch; keep [B, 1, 1] is stochastic depth's factor (0 or 1 / (1 - p)), gamma [D] layer scale.
  def residual(self: __torch__.Kernels, x: Tensor, branch: Tensor, gamma: Tensor, keep: Tensor) -> Tensor:
    y = branch
    if torch.numel(gamma) > 0:
      y = gamma * y
    if torch.numel(keep) > 0:
      y = y * keep
    return x + y

  # A pre-norm transformer block. gamma_1 and gamma_2 (layer scale) may be empty.
  def block(self: __torch__.Kernels, x: Tensor, bias: Tensor, keep_attention: Tensor, keep_mlp: Tensor, heads: Tensor, w: List[Tensor]) -> Tensor:
    norm1_weight = w[0]
    norm1_bias = w[1]
    attention_weights = w[2:7]
    norm2_weight = w[7]
    norm2_bias = w[8]
    fc1_weight = w[9]
    fc1_bias = w[10]
    fc2_weight = w[11]
    fc2_bias = w[12]
    gamma_1 = w[13]
    gamma_2 = w[14]
    y = (self).attention((self).norm(x, norm1_weight, norm1_bias), bias, int(heads), attention_weights)
    x = (self).residual(x, y, gamma_1, keep_attention)
    y = (self).linear((self).norm(x, norm2_weight, norm2_bias), fc1_weight, fc1_bias)
    y = (self).linear(torch.gelu(y), fc2_weight, fc2_bias)
    return (self).residual(x, y, gamma_2, keep_mlp)

  # CLIP's block: QuickGELU, layer norms with eps 1e-5, no layer scale.
  def clip_block(self: __torch__.Kernels, x: Tensor, bias: Tensor, heads: Tensor, w: List[Tensor]) -> Tensor:
    norm1_weight = w[0]
    norm1_bias = w[1]
    attention_weights = w[2:7]
    norm2_weight = w[7]
    norm2_bias = w[8]
    fc1_weight = w[9]
    fc1_bias = w[10]
    fc2_weight = w[11]
    fc2_bias = w[12]
    y = (self).layer_norm(x, norm1_weight, norm1_bias, 1e-05)
    x = x + (self).attention(y, bias, int(heads), attention_weights)
    y = (self).linear((self).layer_norm(x, norm2_weight, norm2_bias, 1e-05), fc1_weight, fc1_bias)
    y = y * torch.sigmoid(y * 1.702)
    return x + (self).linear(y, fc2_weight, fc2_bias)

  # The patch tokens after ln_post and the projection into the space shared with text.
  def clip_head(self: __torch__.Kernels, x: Tensor, w: Tensor, b: Tensor, proj: Tensor) -> Tensor:
    patches = torch.slice(x, 1, 1)
    return torch.matmul((self).layer_norm(patches, w, b, 1e-05), proj)

  def clip_norm(self: __torch__.Kernels, x: Tensor, w: Tensor, b: Tensor) -> Tensor:
    return (self).layer_norm(x, w, b, 1e-05)

  # images [B, 3, H, W] in [0, 1] -> (images - mean) / std, channel by channel
  def normalize(self: __torch__.Kernels, images: Tensor, mean: Tensor, std: Tensor) -> Tensor:
    return (images - torch.reshape(mean, [1, -1, 1, 1])) / torch.reshape(std, [1, -1, 1, 1])

  # images [B, 3, H, W] -> [B, 3, size, size], bicubic with a filter that grows with the reduction, as Pillow's
  def resize(self: __torch__.Kernels, images: Tensor, size: Tensor) -> Tensor:
    S = int(size)
    return torch._upsample_bicubic2d_aa(images, [S, S], False, None)

  def float32(self: __torch__.Kernels, x: Tensor) -> Tensor:
    return torch.to(x, 6)

  # [B, T, D] -> the patch tokens [B, T - 1, D]
  def patch_tokens(self: __torch__.Kernels, x: Tensor) -> Tensor:
    return torch.slice(x, 1, 1)

  # [B, T, D] -> [CLS] [B, D] and the mean of the patch tokens [B, D]
  def pooled(self: __torch__.Kernels, x: Tensor) -> Tuple[Tensor, Tensor]:
    return (torch.select(x, 1, 0), torch.mean(torch.slice(x, 1, 1), [1]))

  # The input of patch aggregation: [CLS] of the last layer, followed by the patch tokens of an early layer.
  def aggregate(self: __torch__.Kernels, last: Tensor, early: Tensor) -> Tensor:
    return torch.cat([torch.slice(last, 1, 0, 1), torch.slice(early, 1, 1)], 1)

  # Logits of some tokens, fp32. x [B, T, D], rows [M] are indices into the B * T tokens -> [M, V]
  def logits(self: __torch__.Kernels, x: Tensor, rows: Tensor, w: Tensor, b: Tensor) -> Tensor:
    return (self).linear32(torch.index_select(torch.flatten(x, 0, 1), 0, rows), w, b)

  # -> mean cross-entropy, fraction of right predictions
  def cross_entropy(self: __torch__.Kernels, logits: Tensor, labels: Tensor, smoothing: Tensor) -> Tuple[Tensor, Tensor]:
    loss = torch.cross_entropy_loss(logits, labels, None, 1, -100, float(smoothing))
    right = torch.eq(torch.argmax(logits, -1), labels)
    return (loss, torch.mean(torch.to(right, 6)))

  # logits [B, C], targets [B, C] that add up to 1 in each row -> mean cross-entropy
  def soft_cross_entropy(self: __torch__.Kernels, logits: Tensor, targets: Tensor) -> Tensor:
    return torch.cross_entropy_loss(logits, targets, None, 1, -100, 0.)

  # labels [B] int64 -> [B, classes]: smoothing / classes for every class, and the rest of 1 for the label.
  def soft_targets(self: __torch__.Kernels, labels: Tensor, classes: Tensor, smoothing: Tensor) -> Tensor:
    C = int(classes)
    s = float(smoothing)
    return torch.to(torch.one_hot(labels, C), 6) * (1. - s) + s / float(C)

  # x [B, ...] -> each row's neighbour: 1 for 0, 0 for 1, 3 for 2, ...
  def neighbours(self: __torch__.Kernels, x: Tensor) -> Tensor:
    return torch.flatten(torch.flip(torch.unflatten(x, 0, [-1, 2]), [1]), 0, 1)

  # Mixup and cutmix of each image with its neighbour. images [B, C, S, S], targets [B, classes], mixes [B, 6]: the weight
  # of the image's own pixels outside of a box, the box in which all pixels are the neighbour's (top, bottom, left,
  # right), the weight of the image's own target.
  def mix(self: __torch__.Kernels, images: Tensor, targets: Tensor, mixes: Tensor) -> Tuple[Tensor, Tensor]:
    S = torch.size(images, 3)
    weight, top, bottom, left, right, own = torch.split(mixes, 1, 1)
    at = torch.arange(S, dtype=6, layout=None, device=ops.prim.device(images), pin_memory=False)
    rows = torch.unsqueeze(torch.logical_and(torch.ge(at, top), torch.lt(at, bottom)), 2)
    columns = torch.unsqueeze(torch.logical_and(torch.ge(at, left), torch.lt(at, right)), 1)
    inside = torch.logical_and(rows, columns)
    kept = torch.expand(torch.unsqueeze(weight, 2), [-1, S, S])
    kept = torch.unsqueeze(torch.masked_fill(kept, inside, 0.), 1)
    mixed = images * kept + (self).neighbours(images) * torch.rsub(kept, 1)
    return (mixed, targets * own + (self).neighbours(targets) * torch.rsub(own, 1))

  # Linear, Tanh, Linear: the layers after the encoder and after the decoder.
  def task_layer(self: __torch__.Kernels, x: Tensor, w0: Tensor, b0: Tensor, w2: Tensor, b2: Tensor) -> Tensor:
    return (self).linear32(torch.tanh((self).linear32(x, w0, b0)), w2, b2)

  def l2_normalize(self: __torch__.Kernels, x: Tensor) -> Tensor:
    return x / torch.clamp_min(torch.norm(x, 2, [-1], True), 1e-12)

  # x [M, D], y [N, D] -> the product of each row of x with each row of y, [M, N]
  def products(self: __torch__.Kernels, x: Tensor, y: Tensor) -> Tensor:
    return torch.matmul(x, torch.t(y))

  # z [M, C] normalized, codebook [K, C] -> nearest codes [M] and the squared distances to them [M]
  def nearest(self: __torch__.Kernels, z: Tensor, codebook: Tensor) -> Tuple[Tensor, Tensor]:
    z = torch.detach(z)
    codebook = torch.detach(codebook)
    d = torch.sum(torch.pow(codebook, 2), [1]) - torch.matmul(z, torch.t(codebook)) * 2
    distance, codes = torch.min(d, 1)
    return (codes, distance + torch.sum(torch.pow(z, 2), [1]))

  # The commitment loss beta * |sg[code] - z|^2, and the straight-through codes as the decoder's input image.
  # z [B, N, C], codes [B * N] -> loss [], [B, C, grid, grid]
  def quantize(self: __torch__.Kernels, z: Tensor, codes: Tensor, codebook: Tensor, beta: Tensor) -> Tuple[Tensor, Tensor]:
    B, N, C = torch.size(z)
    grid = int(torch.sqrt(torch.tensor(N)))
    q = torch.reshape(torch.index_select(codebook, 0, codes), [B, N, C])
    loss = torch.mse_loss(torch.detach(q), z) * float(beta)
    q = z + torch.detach(q - z)
    return (loss, torch.reshape(torch.transpose(q, 1, 2), [B, C, grid, grid]))

  # The codebook loss |sg[z] - code|^2. z [M, C] normalized, codes [M], codebook [K, C] -> loss []
  def codebook_loss(self: __torch__.Kernels, z: Tensor, codes: Tensor, codebook: Tensor) -> Tensor:
    return torch.mse_loss((self).l2_normalize(torch.index_select(codebook, 0, codes)), torch.detach(z))

  # Updates the codebook by EMA: the mean of each code's vectors is normalized, averaged in, and normalized again. A code
  # without a vector does not change. codebook and cluster_size are changed in place. -> counts [K]
  def codebook_ema(self: __torch__.Kernels, z: Tensor, codes: Tensor, codebook: Tensor, cluster_size: Tensor, decay: Tensor) -> Tensor:
    d = float(decay)
    counts = torch.to(torch.bincount(codes, None, torch.size(codebook, 0)), 6)
    total = torch.index_add(torch.zeros_like(codebook), 0, codes, torch.detach(z))
    empty = torch.unsqueeze(torch.eq(counts, 0), 1)
    mean = (self).l2_normalize(total / torch.unsqueeze(torch.clamp_min(counts, 1.), 1))
    moved = torch.where(empty, codebook, mean)
    torch.copy_(codebook, (self).l2_normalize(codebook * d + moved * (1. - d)))
    torch.copy_(cluster_size, cluster_size * d + counts * (1. - d))
    return counts

  # One round of cosine k-means: samples [M, C], means [K, C] -> new means, counts; an empty cluster keeps its mean.
  def kmeans_round(self: __torch__.Kernels, samples: Tensor, means: Tensor) -> Tuple[Tensor, Tensor]:
    buckets = torch.argmax(torch.matmul(samples, torch.t(means)), -1)
    counts = torch.bincount(buckets, None, torch.size(means, 0))
    total = torch.index_add(torch.zeros_like(means), 0, buckets, samples)
    mean = (self).l2_normalize(total / torch.unsqueeze(torch.clamp_min(counts, 1), 1))
    return (torch.where(torch.unsqueeze(torch.eq(counts, 0), 1), means, mean), counts)

  # mean(1 - cos(reconstruction, target)) over the last dimension. A target of zeros (HOG of a flat patch) has no
  # direction: its cosine is 0, without a gradient.
  def cosine_loss(self: __torch__.Kernels, reconstruction: Tensor, target: Tensor) -> Tensor:
    cosine = torch.sum((self).l2_normalize(target) * (self).l2_normalize(reconstruction), [-1])
    return torch.mean(torch.rsub(cosine, 1))

  # Histograms of oriented gradients (MaskFeat, arXiv 2112.09133): 9 unsigned orientations in cells of 8 x 8 pixels, for
  # each colour; the histogram of each cell is normalized. images [B, 3, H, W] -> [B, N, 3 * 9 * (P / 8)^2].
  def hog(self: __torch__.Kernels, images: Tensor, patch: Tensor) -> Tensor:
    B, C, H, W = torch.size(images)
    c = int(patch) // 8
    x = torch.replication_pad2d(images, [1, 1, 1, 1])
    gx = torch.slice(torch.slice(x, 2, 1, -1), 3, 2) - torch.slice(torch.slice(x, 2, 1, -1), 3, 0, -2)
    gy = torch.slice(torch.slice(x, 3, 1, -1), 2, 2) - torch.slice(torch.slice(x, 3, 1, -1), 2, 0, -2)
    strength = torch.sqrt(gx * gx + gy * gy)
    bin = torch.remainder(torch.to(torch.floor(torch.atan2(gx, gy) * (9. / 3.141592653589793)), 4), 9)
    h = torch.zeros([B, C, 9, H, W], dtype=6, device=ops.prim.device(images))
    h = torch.scatter(h, 2, torch.unsqueeze(bin, 2), torch.unsqueeze(strength, 2))
    h = torch.sum(torch.reshape(h, [B, C, 9, H // 8, 8, W // 8, 8]), [4, 6])
    h = h / torch.clamp_min(torch.norm(h, 2, [2], True), 1e-12)
    gh = H // (8 * c)
    gw = W // (8 * c)
    h = torch.permute(torch.reshape(h, [B, C, 9, gh, c, gw, c]), [0, 3, 5, 1, 2, 4, 6])
    return torch.reshape(h, [B, gh * gw, C * 9 * c * c])

  # Patch tokens as a map: x [B, N + 1, D] -> [B, D, grid, grid].
  def token_map(self: __torch__.Kernels, x: Tensor) -> Tensor:
    B, T, D = torch.size(x)
    grid = int(torch.sqrt(torch.tensor(T - 1)))
    return torch.reshape(torch.transpose(torch.slice(x, 1, 1), 1, 2), [B, D, grid, grid])

  def gelu(self: __torch__.Kernels, x: Tensor) -> Tensor:
    return torch.gelu(x)

  # A transposed convolution of 2 x 2 with stride 2: x [B, I, H, W], w [I, O, 2, 2], b [O] -> [B, O, 2 H, 2 W]
  def twice(self: __torch__.Kernels, x: Tensor, w: Tensor, b: Tensor) -> Tensor:
    dtype = 6
    if self.bf16:
      dtype = 15
    y = torch.conv_transpose2d(torch.to(x, dtype), torch.to(w, dtype), torch.to(b, dtype), [2, 2], [0, 0], [0, 0], 1, [1, 1])
    return torch.to(y, 6)

  # The largest value in each 2 x 2 box.
  def halve(self: __torch__.Kernels, x: Tensor) -> Tensor:
    return torch.max_pool2d(x, [2, 2], [2, 2], [0, 0], [1, 1], False)

  # x [B, C, H, W], w: weight, bias, running mean, running variance, each [C]. In training the statistics of the batch are
  # used, and the running ones, which the others are, change in place.
  def batch_norm(self: __torch__.Kernels, x: Tensor, training: Tensor, w: List[Tensor]) -> Tensor:
    return torch.batch_norm(x, w[0], w[1], w[2], w[3], float(training) > 0., 0.1, 1e-05, True)

  # A convolution that keeps height and width, without bias; batch norm; ReLU. w: [O, I, K, K], then as in batch_norm.
  def convolution_block(self: __torch__.Kernels, x: Tensor, training: Tensor, w: List[Tensor]) -> Tensor:
    dtype = 6
    if self.bf16:
      dtype = 15
    p = torch.size(w[0], 2) // 2
    y = torch.conv2d(torch.to(x, dtype), torch.to(w[0], dtype), None, [1, 1], [p, p], [1, 1], 1)
    return torch.relu((self).batch_norm(torch.to(y, 6), training, w[1:5]))

  # The means of n x n boxes: [B, C, H, W] -> [B, C, n, n]
  def average(self: __torch__.Kernels, x: Tensor, n: Tensor) -> Tensor:
    return torch.adaptive_avg_pool2d(x, [int(n), int(n)])

  # x resized to the height and width of another map: bilinear, corners not aligned.
  def resize_like(self: __torch__.Kernels, x: Tensor, like: Tensor) -> Tensor:
    return torch.upsample_bilinear2d(x, [torch.size(like, 2), torch.size(like, 3)], False, None, None)

  def concatenate(self: __torch__.Kernels, w: List[Tensor]) -> Tensor:
    return torch.cat(w, 1)

  # x [B, C, H, W], keep [B, C, 1, 1] or empty, w [classes, C, 1, 1], b [classes] -> logits [B, classes, H, W], float32
  def classify_pixels(self: __torch__.Kernels, x: Tensor, keep: Tensor, w: Tensor, b: Tensor) -> Tensor:
    y = x
    if torch.numel(keep) > 0:
      y = x * keep
    return torch.conv2d(y, w, b, [1, 1], [0, 0], [1, 1], 1)

  # logits [B, C, h, w], labels [B, H, W] uint8, 255 where ignored -> loss, where ignored pixels count as 0; fraction of
  # the other pixels that are right
  def pixel_loss(self: __torch__.Kernels, logits: Tensor, labels: Tensor) -> Tuple[Tensor, Tensor]:
    y = torch.to(labels, 4)
    x = torch.upsample_bilinear2d(logits, [torch.size(y, 1), torch.size(y, 2)], False, None, None)
    loss = torch.mean(torch.cross_entropy_loss(x, y, None, 0, 255, 0.))
    right = torch.sum(torch.to(torch.eq(torch.argmax(x, 1), y), 6))
    known = torch.sum(torch.to(torch.ne(y, 255), 6))
    return (loss, right / torch.clamp_min(known, 1.))

  # Adds the logits of a window, resized to it, to those of the image, in place. logits [1, C, h, w], sum [C, H, W],
  # count [H, W], box: top, left, height, width.
  def add_window(self: __torch__.Kernels, logits: Tensor, sum: Tensor, count: Tensor, box: Tensor, side: Tensor) -> Tensor:
    top = int(box[0])
    left = int(box[1])
    bottom = top + int(box[2])
    right = left + int(box[3])
    x = torch.upsample_bilinear2d(logits, [int(side), int(side)], False, None, None)
    x = torch.select(x, 0, 0)
    x = torch.slice(torch.slice(x, 1, 0, int(box[2])), 2, 0, int(box[3]))
    _0 = torch.add_(torch.slice(torch.slice(sum, 1, top, bottom), 2, left, right), x)
    return torch.add_(torch.slice(torch.slice(count, 0, top, bottom), 1, left, right), 1.)

  # The class with the highest mean logit of each pixel of an image of another size. Class after class, so that memory
  # does not grow with their number. sum [C, H, W], count [H, W], size: height, width -> [height, width] uint8
  def classes_of_pixels(self: __torch__.Kernels, sum: Tensor, count: Tensor, size: Tensor) -> Tensor:
    H = int(size[0])
    W = int(size[1])
    mean = torch.unsqueeze(sum / count, 1)
    best = torch.upsample_bilinear2d(torch.slice(mean, 0, 0, 1), [H, W], False, None, None)
    found = torch.zeros_like(best)
    for c in range(torch.size(mean, 0)):
      x = torch.upsample_bilinear2d(torch.slice(mean, 0, c, c + 1), [H, W], False, None, None)
      better = torch.gt(x, best)
      best = torch.where(better, x, best)
      found = torch.masked_fill(found, better, float(c))
    return torch.to(torch.reshape(found, [H, W]), 0)

  # Makes tensors leaves of the graph that the next calls record.
  def require_gradient(self: __torch__.Kernels, w: List[Tensor]) -> Tensor:
    for i in range(torch.len(w)):
      torch.requires_grad_(w[i])
    return w[0]

  # Copies values into tensors, in place.
  def assign(self: __torch__.Kernels, w: List[Tensor], values: List[Tensor]) -> Tensor:
    for i in range(torch.len(w)):
      torch.copy_(w[i], values[i])
    return w[0]

  # -> gradients of the loss, in the parameters' layout: a convolution's may come with its channels last, which the fused
  # optimizer would not see.
  def gradients(self: __torch__.Kernels, loss: Tensor, w: List[Tensor]) -> List[Tensor]:
    found = torch.grad([loss], w, None, False, False, True)
    gradients = annotate(List[Tensor], [])
    for i in range(torch.len(w)):
      g = found[i]
      if torch.__isnot__(g, None):
        f = torch.contiguous(unchecked_cast(Tensor, g))
      else:
        f = torch.zeros_like(w[i])
      _0 = torch.append(gradients, f)
    return gradients

  # A second handle of a tensor.
  def same(self: __torch__.Kernels, x: Tensor) -> Tensor:
    return x

  def is_recorded(self: __torch__.Kernels, x: Tensor) -> Tensor:
    return torch.tensor(ops.prim.requires_grad(x))

  # Backward pass from roots, whose own gradients are the cotangents, to targets. -> gradients of the targets; without
  # elements where a target does not depend on the roots
  def backward(self: __torch__.Kernels, roots: List[Tensor], cotangents: List[Tensor], targets: List[Tensor]) -> List[Tensor]:
    start = annotate(List[Optional[Tensor]], [])
    for i in range(torch.len(cotangents)):
      _0 = torch.append(start, cotangents[i])
    found = torch.grad(roots, targets, start, False, False, True)
    gradients = annotate(List[Tensor], [])
    for j in range(torch.len(targets)):
      g = found[j]
      if torch.__isnot__(g, None):
        f = unchecked_cast(Tensor, g)
      else:
        f = torch.zeros([0])
      _1 = torch.append(gradients, f)
    return gradients

  # Adds gradients to sums, in place; skips gradients without elements.
  def accumulate(self: __torch__.Kernels, sums: List[Tensor], gradients: List[Tensor]) -> Tensor:
    for i in range(torch.len(sums)):
      if torch.numel(gradients[i]) > 0:
        _0 = torch.add_(sums[i], gradients[i])
    return sums[0]

  # Adds the gradients of the loss to sums, in place.
  def add_gradients(self: __torch__.Kernels, loss: Tensor, w: List[Tensor], sums: List[Tensor]) -> Tensor:
    found = torch.grad([loss], w, None, False, False, True)
    for i in range(torch.len(w)):
      g = found[i]
      if torch.__isnot__(g, None):
        _0 = torch.add_(sums[i], unchecked_cast(Tensor, g))
    return loss

  # Clips the norm of the whole gradient, in place; limit 0 means no clipping. -> the norm before clipping
  def clip(self: __torch__.Kernels, limit: Tensor, gradients: List[Tensor]) -> Tensor:
    norms = annotate(List[Tensor], [])
    for i in range(torch.len(gradients)):
      _0 = torch.append(norms, torch.norm(gradients[i]))
    norm = torch.norm(torch.stack(norms))
    if float(limit) > 0.:
      scale = torch.clamp_max(torch.reciprocal(norm + 1e-06) * float(limit), 1.)
      for j in range(torch.len(gradients)):
        _1 = torch.mul_(gradients[j], scale)
    return norm

  # AdamW on one group of parameters p with gradients g and moments m, v, in place. hyper: learning rate, beta1, beta2,
  # eps, weight decay; s: the number of this step, from 1, once per parameter.
  def adamw(self: __torch__.Kernels, hyper: Tensor, p: List[Tensor], g: List[Tensor], m: List[Tensor], v: List[Tensor], s: List[Tensor]) -> Tensor:
    learning_rate = float(hyper[0])
    beta1 = float(hyper[1])
    beta2 = float(hyper[2])
    eps = float(hyper[3])
    weight_decay = float(hyper[4])
    none = annotate(List[Tensor], [])
    torch._fused_adamw_(p, g, m, v, none, s, lr=learning_rate, beta1=beta1, beta2=beta2, weight_decay=weight_decay, eps=eps, amsgrad=False, maximize=False)
    return hyper

  # The gradient of the logits of H heads of a linear probe, each with C classes: (softmax - one hot) * weight.
  # x [B, D], labels [B], weight [H, B], w [H * C, D], b [H * C] -> [B, H * C]
  def probe_gradient(self: __torch__.Kernels, x: Tensor, labels: Tensor, weight: Tensor, C: int, w: Tensor, b: Tensor) -> Tensor:
    B = torch.size(x, 0)
    H = torch.size(weight, 0)
    p = torch.softmax(torch.reshape(torch.linear(x, w, b), [B, H, C]), -1)
    y = torch.unsqueeze(torch.to(torch.one_hot(labels, C), 6), 1)
    return torch.reshape((p - y) * torch.unsqueeze(torch.t(weight), 2), [B, H * C])

  # A step of SGD with momentum of all heads, in place. rate [H], numbers: step, C; s: weights and biases, then their
  # first and second moments.
  def probe_sgd(self: __torch__.Kernels, x: Tensor, labels: Tensor, weight: Tensor, rate: Tensor, decay: Tensor, numbers: Tensor, s: List[Tensor]) -> Tensor:
    C = int(numbers[1])
    g = (self).probe_gradient(x, labels, weight, C, s[0], s[1])
    r = torch.repeat_interleave(rate, C)
    _0 = torch.add_(torch.mul_(s[2], 0.9), torch.matmul(torch.t(g), x) + s[0] * float(decay))
    _1 = torch.add_(torch.mul_(s[3], 0.9), torch.sum(g, [0]) + s[1] * float(decay))
    _2 = torch.sub_(s[0], s[2] * torch.unsqueeze(r, 1))
    return torch.sub_(s[1], s[3] * r)

  # The same with AdamW.
  def probe_adamw(self: __torch__.Kernels, x: Tensor, labels: Tensor, weight: Tensor, rate: Tensor, decay: Tensor, numbers: Tensor, s: List[Tensor]) -> Tensor:
    C = int(numbers[1])
    g = (self).probe_gradient(x, labels, weight, C, s[0], s[1])
    r = torch.repeat_interleave(rate, C)
    _0 = (self).probe_adamw_step(s[0], torch.matmul(torch.t(g), x), s[2], s[4], torch.unsqueeze(r, 1), float(decay), float(numbers[0]))
    return (self).probe_adamw_step(s[1], torch.sum(g, [0]), s[3], s[5], r, float(decay), float(numbers[0]))

  def probe_adamw_step(self: __torch__.Kernels, p: Tensor, g: Tensor, m: Tensor, v: Tensor, rate: Tensor, decay: float, step: float) -> Tensor:
    _0 = torch.add_(torch.mul_(m, 0.9), g * 0.1)
    _1 = torch.add_(torch.mul_(v, 0.999), g * g * 0.001)
    c1 = 1. - torch.pow(0.9, step)
    c2 = 1. - torch.pow(0.999, step)
    update = (m / c1) / (torch.sqrt(v / c2) + 1e-08)
    return torch.sub_(p, (update + p * decay) * rate)

  # -> how many classes have a higher logit than the right one (of equal ones, those before it), cross-entropies,
  # predictions; each [B, H]
  def probe_scores(self: __torch__.Kernels, x: Tensor, labels: Tensor, w: Tensor, b: Tensor, classes: Tensor) -> Tuple[Tensor, Tensor, Tensor]:
    C = int(classes)
    B = torch.size(x, 0)
    H = torch.size(w, 0) // C
    logits = torch.reshape(torch.linear(x, w, b), [B, H, C])
    index = torch.expand(torch.reshape(labels, [B, 1, 1]), [B, H, 1])
    own = torch.gather(logits, 2, index)
    before = torch.lt(torch.arange(C, dtype=4, device=ops.prim.device(x)), index)
    higher = torch.bitwise_or(torch.gt(logits, own), torch.bitwise_and(torch.eq(logits, own), before))
    loss = torch.squeeze(torch.neg(torch.gather(torch.log_softmax(logits, -1), 2, index)), 2)
    return (torch.sum(torch.to(higher, 4), [2]), loss, torch.argmax(logits, -1))

  # Converts the weights of a network that is only used for inference.
  def to_precision(self: __torch__.Kernels, w: List[Tensor]) -> List[Tensor]:
    converted = annotate(List[Tensor], [])
    for i in range(torch.len(w)):
      if self.bf16 and torch.dim(w[i]) > 1:
        _0 = torch.append(converted, torch.to(w[i], 15))
      else:
        _1 = torch.append(converted, w[i])
    return converted

  # Replaces dead codes by vectors of the batch, z [M, C].
  def revive(self: __torch__.Kernels, codebook: Tensor, codes: Tensor, z: Tensor, picks: Tensor) -> Tensor:
    return torch.index_copy_(codebook, 0, codes, torch.index_select(torch.detach(z), 0, picks))
