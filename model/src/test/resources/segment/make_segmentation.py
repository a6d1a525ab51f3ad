"""Writes training.safetensors: three steps of a small segmenter, computed by PyTorch's own modules.

Usage: python3 make_segmentation.py training.safetensors. Written with torch 2.15.0. The build does not run this. The
network is the one that the official configs describe: a transformer with relative positions in each block, tapped four times, and
mmsegmentation's UPerHead and FCNHead, with the same names. Dropout and stochastic depth are off, because their random numbers are ours.
"""
import json
import math
import sys

import torch
import torch.nn.functional as F
from safetensors.torch import save_file
from torch import nn

SIDE, PATCH, DIM, DEPTH, HEADS, CLASSES, AUXILIARY = 64, 16, 16, 6, 2, 5, 8
BATCH, STEPS, WARMUP, TOTAL, LR, LAYER_DECAY = 4, 3, 2, 8, 2e-3, 0.75
EPS = 1e-5  # with less, Adam makes whole steps of gradients that are rounding noise
TAPS = [1, 2, 3, 5]
GRID = SIDE // PATCH


def relative_position_index():
    at = torch.stack(torch.meshgrid(torch.arange(GRID), torch.arange(GRID), indexing="ij")).flatten(1)
    apart = (at[:, :, None] - at[:, None, :]).permute(1, 2, 0) + GRID - 1
    span = 2 * GRID - 1
    index = torch.zeros(GRID * GRID + 1, GRID * GRID + 1, dtype=torch.int64)
    index[1:, 1:] = apart[..., 0] * span + apart[..., 1]
    index[0, :] = span * span
    index[:, 0] = span * span + 1
    index[0, 0] = span * span + 2
    return index


class Attention(nn.Module):
    def __init__(self):
        super().__init__()
        self.q_bias = nn.Parameter(torch.zeros(DIM))
        self.v_bias = nn.Parameter(torch.zeros(DIM))
        self.relative_position_bias_table = nn.Parameter(torch.zeros((2 * GRID - 1) ** 2 + 3, HEADS))
        self.register_buffer("relative_position_index", relative_position_index())
        self.qkv = nn.Linear(DIM, 3 * DIM, bias=False)
        self.proj = nn.Linear(DIM, DIM)

    def forward(self, x):
        b, t, d = x.shape
        bias = torch.cat([self.q_bias, torch.zeros_like(self.v_bias), self.v_bias])
        q, k, v = F.linear(x, self.qkv.weight, bias).reshape(b, t, 3, HEADS, d // HEADS).permute(2, 0, 3, 1, 4)
        scores = q @ k.transpose(-2, -1) / math.sqrt(d // HEADS)
        scores = scores + self.relative_position_bias_table[self.relative_position_index].permute(2, 0, 1)
        return self.proj((scores.softmax(-1) @ v).transpose(1, 2).reshape(b, t, d))


class Mlp(nn.Module):
    def __init__(self):
        super().__init__()
        self.fc1 = nn.Linear(DIM, 4 * DIM)
        self.fc2 = nn.Linear(4 * DIM, DIM)

    def forward(self, x):
        return self.fc2(F.gelu(self.fc1(x)))


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.gamma_1 = nn.Parameter(0.1 * torch.ones(DIM))
        self.gamma_2 = nn.Parameter(0.1 * torch.ones(DIM))
        self.norm1 = nn.LayerNorm(DIM, eps=1e-6)
        self.attn = Attention()
        self.norm2 = nn.LayerNorm(DIM, eps=1e-6)
        self.mlp = Mlp()

    def forward(self, x):
        x = x + self.gamma_1 * self.attn(self.norm1(x))
        return x + self.gamma_2 * self.mlp(self.norm2(x))


class PatchEmbed(nn.Module):
    def __init__(self):
        super().__init__()
        self.proj = nn.Conv2d(3, DIM, PATCH, PATCH)


class Backbone(nn.Module):
    def __init__(self):
        super().__init__()
        self.cls_token = nn.Parameter(torch.zeros(1, 1, DIM))
        self.patch_embed = PatchEmbed()
        self.blocks = nn.ModuleList(Block() for _ in range(DEPTH))
        up = lambda: nn.ConvTranspose2d(DIM, DIM, kernel_size=2, stride=2)
        self.fpn1 = nn.Sequential(up(), nn.BatchNorm2d(DIM), nn.GELU(), up())
        self.fpn2 = nn.Sequential(up())
        self.fpn3 = nn.Identity()
        self.fpn4 = nn.MaxPool2d(kernel_size=2, stride=2)

    def forward(self, x):
        x = self.patch_embed.proj(x).flatten(2).transpose(1, 2)
        x = torch.cat([self.cls_token.expand(len(x), -1, -1), x], 1)
        maps = []
        for i, block in enumerate(self.blocks):
            x = block(x)
            if i in TAPS:
                maps.append(x[:, 1:].transpose(1, 2).reshape(len(x), DIM, GRID, GRID))
        return [f(m) for f, m in zip([self.fpn1, self.fpn2, self.fpn3, self.fpn4], maps)]


class ConvModule(nn.Module):
    def __init__(self, inputs, outputs, kernel):
        super().__init__()
        self.conv = nn.Conv2d(inputs, outputs, kernel, padding=kernel // 2, bias=False)
        self.bn = nn.BatchNorm2d(outputs)
        nn.init.kaiming_normal_(self.conv.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x):
        return F.relu(self.bn(self.conv(x)))


def resized(x, like):
    return F.interpolate(x, size=like.shape[-2:], mode="bilinear", align_corners=False)


class UPerHead(nn.Module):
    def __init__(self):
        super().__init__()
        self.psp_modules = nn.ModuleList(
            nn.Sequential(nn.AdaptiveAvgPool2d(scale), ConvModule(DIM, DIM, 1)) for scale in [1, 2, 3, 6]
        )
        self.bottleneck = ConvModule(5 * DIM, DIM, 3)
        self.lateral_convs = nn.ModuleList(ConvModule(DIM, DIM, 1) for _ in range(3))
        self.fpn_convs = nn.ModuleList(ConvModule(DIM, DIM, 3) for _ in range(3))
        self.fpn_bottleneck = ConvModule(4 * DIM, DIM, 3)
        self.conv_seg = nn.Conv2d(DIM, CLASSES, 1)

    def forward(self, maps):
        top = maps[3]
        pooled = torch.cat([top] + [resized(module(top), top) for module in self.psp_modules], 1)
        level3 = self.bottleneck(pooled)
        level2 = self.lateral_convs[2](maps[2]) + resized(level3, maps[2])
        level1 = self.lateral_convs[1](maps[1]) + resized(level2, maps[1])
        level0 = self.lateral_convs[0](maps[0]) + resized(level1, maps[0])
        out0, out1, out2 = (conv(x) for conv, x in zip(self.fpn_convs, [level0, level1, level2]))
        all_levels = torch.cat([out0] + [resized(x, out0) for x in [out1, out2, level3]], 1)
        return self.conv_seg(self.fpn_bottleneck(all_levels))


class FCNHead(nn.Module):
    def __init__(self):
        super().__init__()
        self.convs = nn.Sequential(ConvModule(DIM, AUXILIARY, 3))
        self.conv_seg = nn.Conv2d(AUXILIARY, CLASSES, 1)

    def forward(self, maps):
        return self.conv_seg(self.convs(maps[2]))


class Segmentor(nn.Module):
    def __init__(self):
        super().__init__()
        self.backbone = Backbone()
        self.decode_head = UPerHead()
        self.auxiliary_head = FCNHead()


def loss_of(logits, labels):
    # Pixels of label 255 count as 0 in the mean.
    return F.cross_entropy(resized(logits, labels), labels, ignore_index=255, reduction="none").mean()


def scale_of(name):
    if name.startswith(("backbone.cls_token", "backbone.patch_embed")):
        layer = 0
    elif name.startswith("backbone.blocks."):
        layer = int(name.split(".")[2]) + 1
    else:
        layer = DEPTH + 1
    return LAYER_DECAY ** (DEPTH + 1 - layer)


def rate_of(step):
    rate = LR * (1 - step / TOTAL)
    return rate * (1 - (1 - step / WARMUP) * (1 - 1e-6)) if step < WARMUP else rate


def main(path):
    torch.manual_seed(0)
    torch.set_num_threads(1)
    network = Segmentor()
    with torch.no_grad():
        for name, p in network.named_parameters():
            if p.ndim == 1 or "bias_table" in name or "cls_token" in name:
                p.add_(0.1 * torch.randn_like(p))
    file = {}
    for name, tensor in network.state_dict().items():
        file["param." + name] = tensor.clone()
    groups = [
        {"params": [p], "weight_decay": 0.0 if p.ndim == 1 or n.endswith(".bias") else 0.05, "scale": scale_of(n)}
        for n, p in network.named_parameters()
    ]
    optimizer = torch.optim.AdamW(groups, betas=(0.9, 0.999), eps=EPS)
    mean = torch.tensor([0.485, 0.456, 0.406]).reshape(1, 3, 1, 1)
    std = torch.tensor([0.229, 0.224, 0.225]).reshape(1, 3, 1, 1)
    pixels = torch.rand(STEPS, BATCH, 3, SIDE, SIDE).mul(255).round().div(255)
    coarse = torch.randint(0, CLASSES + 1, (STEPS, BATCH, SIDE // 8, SIDE // 8))
    labels = coarse.repeat_interleave(8, 2).repeat_interleave(8, 3)
    labels[labels == CLASSES] = 255
    losses, decodes, auxiliaries, norms, rates = [], [], [], [], []
    network.train()
    for step in range(STEPS):
        maps = network.backbone((pixels[step] - mean) / std)
        logits = network.decode_head(maps)
        decode = loss_of(logits, labels[step])
        auxiliary = loss_of(network.auxiliary_head(maps), labels[step])
        if step == 0:
            file["out.logits"] = logits.detach().clone()
        loss = decode + 0.4 * auxiliary
        optimizer.zero_grad()
        loss.backward()
        norms.append(torch.stack([p.grad.norm() for p in network.parameters()]).norm())
        rates.append(rate_of(step))
        for group in optimizer.param_groups:
            group["lr"] = rates[-1] * group["scale"]
        optimizer.step()
        losses.append(loss.detach())
        decodes.append(decode.detach())
        auxiliaries.append(auxiliary.detach())
    for name, tensor in network.state_dict().items():
        if not name.endswith(("relative_position_index", "num_batches_tracked")):
            file["after." + name] = tensor.clone()
    # Nobody reads the count of batches: in our files it is 0.
    for name in file:
        if name.endswith("num_batches_tracked"):
            file[name] = torch.zeros((), dtype=torch.int64)
    network.eval()
    with torch.no_grad():
        maps = network.backbone((pixels[0] - mean) / std)
        file["out.after_logits"] = network.decode_head(maps)
    file["in.pixels"] = pixels
    file["in.labels"] = labels.to(torch.uint8)
    file["out.losses.all"] = torch.stack(losses)
    file["out.losses.decode"] = torch.stack(decodes)
    file["out.losses.auxiliary"] = torch.stack(auxiliaries)
    file["out.grad_norms"] = torch.stack(norms)
    file["out.learning_rates"] = torch.tensor(rates, dtype=torch.float64)
    metadata = {
        "kind": "segmentation_training",
        "side": SIDE, "patch": PATCH, "dim": DIM, "depth": DEPTH, "heads": HEADS,
        "classes": CLASSES, "auxiliary_channels": AUXILIARY, "steps": STEPS,
        "optimizer": json.dumps({
            "betas": [0.9, 0.999], "eps": EPS, "weight_decay": 0.05, "clip_grad": 0.0, "layer_decay": LAYER_DECAY,
            "peak": LR, "warmup_steps": WARMUP, "total_steps": TOTAL,
        }),
    }
    save_file({k: v.contiguous() for k, v in file.items()}, path, {k: str(v) for k, v in metadata.items()})


main(sys.argv[1])
