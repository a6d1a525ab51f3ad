"""Writes the teachers' files beside it, as OpenAI, OpenCLIP, DINO's authors and Hugging Face write theirs, but tiny, and
the features that Hugging Face's networks compute with them.

    python3 -m venv venv && venv/bin/pip install torch transformers numpy safetensors && venv/bin/python make_teachers.py
"""

import collections
import json
import os

import torch
from safetensors.torch import load_file, save_file
from torch import nn
from transformers import CLIPConfig, CLIPModel, ViTConfig, ViTModel

FOLDER = os.path.dirname(os.path.abspath(__file__))
DIM, DEPTH, SIZE, PATCH, OUT = 8, 2, 16, 8, 6
CLIP_MEAN, CLIP_STD = [0.48145466, 0.4578275, 0.40821073], [0.26862954, 0.26130258, 0.27577711]
IMAGENET_MEAN, IMAGENET_STD = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]


class QuickGELU(nn.Module):
    def forward(self, x):
        return x * torch.sigmoid(1.702 * x)


class Block(nn.Module):
    def __init__(self, activation):
        super().__init__()
        self.attn = nn.MultiheadAttention(DIM, 1)
        self.ln_1 = nn.LayerNorm(DIM)
        self.mlp = nn.Sequential(collections.OrderedDict(
            c_fc=nn.Linear(DIM, 4 * DIM), gelu=activation, c_proj=nn.Linear(4 * DIM, DIM)))
        self.ln_2 = nn.LayerNorm(DIM)

    def forward(self, x):
        y = self.ln_1(x)
        x = x + self.attn(y, y, y, need_weights=False)[0]
        return x + self.mlp(self.ln_2(x))


class Transformer(nn.Module):
    def __init__(self, activation):
        super().__init__()
        self.resblocks = nn.Sequential(*[Block(activation()) for _ in range(DEPTH)])

    def forward(self, x):
        return self.resblocks(x)


class Tower(nn.Module):
    def __init__(self, activation):
        super().__init__()
        self.conv1 = nn.Conv2d(3, DIM, PATCH, PATCH, bias=False)
        self.class_embedding = nn.Parameter(torch.randn(DIM))
        self.positional_embedding = nn.Parameter(torch.randn(1 + (SIZE // PATCH) ** 2, DIM))
        self.ln_pre = nn.LayerNorm(DIM)
        self.transformer = Transformer(activation)
        self.ln_post = nn.LayerNorm(DIM)
        self.proj = nn.Parameter(torch.randn(DIM, OUT))

    def forward(self, x):
        x = self.conv1(x).flatten(2).permute(0, 2, 1)
        x = torch.cat([self.class_embedding.expand(x.shape[0], 1, DIM), x], 1) + self.positional_embedding
        x = self.transformer(self.ln_pre(x).permute(1, 0, 2)).permute(1, 0, 2)
        return self.ln_post(x[:, 0]) @ self.proj


class Clip(nn.Module):
    def __init__(self, activation):
        super().__init__()
        self.visual = Tower(activation)
        self.logit_scale = nn.Parameter(torch.ones([]))

    def forward(self, image):
        return self.visual(image) * self.logit_scale


class Patches(nn.Module):
    """A teacher of somebody: features [B, N, D] of normalized images."""

    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, 5, PATCH, PATCH)

    def forward(self, x):
        return self.conv(x).flatten(2).transpose(1, 2)


def path(name):
    return os.path.join(FOLDER, name)


def noisy(model):
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.copy_(torch.round((parameter + 0.1 * torch.randn_like(parameter)) * 256) / 256)
    return model.eval()


def normalized(images, mean, std):
    return (images - torch.tensor(mean)[:, None, None]) / torch.tensor(std)[:, None, None]


def clip(expected, images):
    """The weights are multiples of 1/256, so that OpenAI's float16 holds them."""
    vision = dict(hidden_size=DIM, intermediate_size=4 * DIM, num_hidden_layers=DEPTH, num_attention_heads=1,
                  image_size=SIZE, patch_size=PATCH, hidden_act="quick_gelu", layer_norm_eps=1e-5)
    text = dict(vocab_size=9, hidden_size=8, intermediate_size=8, num_hidden_layers=1, num_attention_heads=1,
                max_position_embeddings=4)
    model = noisy(CLIPModel(CLIPConfig(vision_config=vision, text_config=text, projection_dim=OUT)))
    os.makedirs(path("huggingface-clip"), exist_ok=True)
    model.save_pretrained(path("huggingface-clip"))
    with torch.no_grad():
        tokens = model.vision_model(normalized(images, CLIP_MEAN, CLIP_STD)).last_hidden_state[:, 1:]
        expected["clip"] = model.visual_projection(model.vision_model.post_layernorm(tokens)).contiguous()
    weights = load_file(path("huggingface-clip/model.safetensors"))
    state = openai_names(weights)
    scripted = Clip(QuickGELU).eval()
    scripted.visual.load_state_dict({name[7:]: tensor for name, tensor in state.items()})
    torch.jit.save(torch.jit.trace(scripted.half(), images.half()), path("openai-clip.pt"))
    torch.jit.save(torch.jit.trace(Clip(nn.GELU).eval(), images), path("gelu-clip.pt"))
    state["transformer.resblocks.0.ln_1.weight"] = torch.ones(4)
    state["logit_scale"] = torch.ones([])
    os.makedirs(path("openclip"), exist_ok=True)
    torch.save(state, path("openclip/open_clip_pytorch_model.bin"))
    with open(path("openclip/open_clip_config.json"), "w") as config:
        json.dump({"model_cfg": {"embed_dim": OUT, "quick_gelu": True, "vision_cfg": {"width": DIM}}}, config)


def openai_names(weights):
    state, vision = collections.OrderedDict(), "vision_model."
    for name, other in [
            ("class_embedding", "embeddings.class_embedding"),
            ("positional_embedding", "embeddings.position_embedding.weight"),
            ("conv1.weight", "embeddings.patch_embedding.weight"),
            ("ln_pre.weight", "pre_layrnorm.weight"), ("ln_pre.bias", "pre_layrnorm.bias"),
            ("ln_post.weight", "post_layernorm.weight"), ("ln_post.bias", "post_layernorm.bias")]:
        state["visual." + name] = weights[vision + other].clone()
    state["visual.proj"] = weights["visual_projection.weight"].T.contiguous()
    for i in range(DEPTH):
        block, other = f"visual.transformer.resblocks.{i}.", f"{vision}encoder.layers.{i}."
        for kind in ["weight", "bias"]:
            state[f"{block}attn.in_proj_{kind}"] = torch.cat(
                [weights[f"{other}self_attn.{part}_proj.{kind}"] for part in "qkv"])
            for name, theirs in [("attn.out_proj", "self_attn.out_proj"), ("ln_1", "layer_norm1"),
                                 ("ln_2", "layer_norm2"), ("mlp.c_fc", "mlp.fc1"), ("mlp.c_proj", "mlp.fc2")]:
                state[f"{block}{name}.{kind}"] = weights[f"{other}{theirs}.{kind}"].clone()
    return state


def dino(expected, images):
    config = ViTConfig(hidden_size=DIM, intermediate_size=4 * DIM, num_hidden_layers=DEPTH, num_attention_heads=1,
                       image_size=SIZE, patch_size=PATCH, layer_norm_eps=1e-6, hidden_act="gelu", qkv_bias=True)
    model = noisy(ViTModel(config, add_pooling_layer=True))
    os.makedirs(path("huggingface-dino"), exist_ok=True)
    model.save_pretrained(path("huggingface-dino"))
    with torch.no_grad():
        expected["dino"] = model(normalized(images, IMAGENET_MEAN, IMAGENET_STD)).last_hidden_state[:, 1:].contiguous()
    weights = load_file(path("huggingface-dino/model.safetensors"))
    state = collections.OrderedDict(
        cls_token=weights["embeddings.cls_token"], pos_embed=weights["embeddings.position_embeddings"])
    for kind in ["weight", "bias"]:
        state["patch_embed.proj." + kind] = weights["embeddings.patch_embeddings.projection." + kind]
        state["norm." + kind] = weights["layernorm." + kind]
        for i in range(DEPTH):
            block, other = f"blocks.{i}.", f"encoder.layer.{i}."
            state[f"{block}attn.qkv.{kind}"] = torch.cat(
                [weights[f"{other}attention.attention.{part}.{kind}"] for part in ["query", "key", "value"]])
            for name, theirs in [("norm1", "layernorm_before"), ("norm2", "layernorm_after"),
                                 ("attn.proj", "attention.output.dense"), ("mlp.fc1", "intermediate.dense"),
                                 ("mlp.fc2", "output.dense")]:
                state[f"{block}{name}.{kind}"] = weights[f"{other}{theirs}.{kind}"]
    torch.save(state, path("dino.pth"), _use_new_zipfile_serialization=False)


def program(expected, images):
    model = noisy(Patches())
    extra = {"mean": "0.5, 0.4, 0.3", "std": "0.2,0.3,0.4", "size": str(SIZE)}
    torch.jit.save(torch.jit.trace(model, images), path("patches.pt"), _extra_files=extra)
    torch.jit.save(torch.jit.trace(nn.Conv2d(3, 5, PATCH, PATCH), images), path("map.pt"))
    with torch.no_grad():
        expected["patches"] = model(normalized(images, [0.5, 0.4, 0.3], [0.2, 0.3, 0.4])).contiguous()


torch.manual_seed(0)
photographs = torch.rand(2, 3, SIZE, SIZE)
features = {"images": photographs}
clip(features, photographs)
dino(features, photographs)
program(features, photographs)
save_file(features, path("expected.safetensors"))
