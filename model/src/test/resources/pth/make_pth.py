"""Writes the .pth files beside it, as the official scripts write theirs: tiny networks, with companions.

    python3 -m venv venv && venv/bin/pip install torch numpy && venv/bin/python make_pth.py

Value i of a tensor is ((crc32(name) + 37 i) mod 251 − 125) / 256, which float16 and bfloat16 have exactly, so that all
files of a network hold the same numbers. PthFilesTest makes them, too.
"""

import argparse
import collections
import os
import zlib

import numpy as np
import torch

FOLDER = os.path.dirname(os.path.abspath(__file__))
DIM, HEADS, GRID, PATCH, CODES, CODE_DIM, TEACHER, CLASSES = 8, 2, 2, 8, 6, 4, 5, 3


def values(name, *shape):
    count = int(np.prod(shape)) if shape else 1
    numbers = (zlib.crc32(name.encode()) + 37 * np.arange(count)) % 251 - 125
    return torch.from_numpy((numbers / 256).astype(np.float32)).reshape(shape)


def block(state, name, gamma, table):
    shapes = collections.OrderedDict()
    if gamma:
        shapes.update({"gamma_1": [DIM], "gamma_2": [DIM]})
    shapes.update({"norm1.weight": [DIM], "norm1.bias": [DIM], "attn.q_bias": [DIM], "attn.v_bias": [DIM]})
    if table:
        shapes["attn.relative_position_bias_table"] = [(2 * GRID - 1) ** 2 + 3, HEADS]
    shapes.update({
        "attn.qkv.weight": [3 * DIM, DIM], "attn.proj.weight": [DIM, DIM], "attn.proj.bias": [DIM],
        "norm2.weight": [DIM], "norm2.bias": [DIM], "mlp.fc1.weight": [4 * DIM, DIM], "mlp.fc1.bias": [4 * DIM],
        "mlp.fc2.weight": [DIM, 4 * DIM], "mlp.fc2.bias": [DIM],
    })
    for part, shape in shapes.items():
        state[name + part] = values(name + part, *shape)
    if table:
        state[name + "attn.relative_position_index"] = torch.arange((GRID * GRID + 1) ** 2).reshape(GRID * GRID + 1, -1)


def add(state, **shapes):
    for name, shape in shapes.items():
        state[name.replace("__", ".")] = values(name.replace("__", "."), *shape)


def vit(state, prefix, channels, patch, blocks, positions):
    add(state, **{prefix + "cls_token": [1, 1, DIM]})
    if positions:
        add(state, **{prefix + "pos_embed": [1, GRID * GRID + 1, DIM]})
    add(state, **{
        prefix + "patch_embed.proj.weight": [DIM, channels, patch, patch],
        prefix + "patch_embed.proj.bias": [DIM],
    })
    for i in range(blocks):
        block(state, f"{prefix}blocks.{i}.", not positions, False)


def tokenizer():
    state = collections.OrderedDict()
    vit(state, "encoder.", 3, PATCH, 2, True)
    add(state, encoder__fc_norm__weight=[DIM], encoder__fc_norm__bias=[DIM])
    vit(state, "decoder.", CODE_DIM, 1, 1, True)
    add(state, decoder__fc_norm__weight=[DIM], decoder__fc_norm__bias=[DIM],
        quantize__cluster_size=[CODES], quantize__embedding__weight=[CODES, CODE_DIM],
        quantize__embedding__cluster_size=[CODES], quantize__embedding__embed_avg=[CODES, CODE_DIM],
        quantize__embedding__initted=[1],
        teacher_model__visual__proj=[4, 4], teacher_model__logit_scale=[], scaling_layer__scale=[1, 3, 1, 1],
        loss_fn__weight=[2],
        encode_task_layer__0__weight=[DIM, DIM], encode_task_layer__0__bias=[DIM],
        encode_task_layer__2__weight=[CODE_DIM, DIM], encode_task_layer__2__bias=[CODE_DIM],
        decode_task_layer__0__weight=[DIM, DIM], decode_task_layer__0__bias=[DIM],
        decode_task_layer__2__weight=[TEACHER, DIM], decode_task_layer__2__bias=[TEACHER])
    return state


def pretrained():
    state = collections.OrderedDict()
    add(state, mask_token=[1, 1, DIM])
    vit(state, "", 3, PATCH, 2, False)
    add(state, rel_pos_bias__relative_position_bias_table=[(2 * GRID - 1) ** 2 + 3, HEADS])
    tokens = GRID * GRID + 1
    state["rel_pos_bias.relative_position_index"] = torch.arange(tokens * tokens).reshape(tokens, tokens)
    add(state, norm__weight=[DIM], norm__bias=[DIM], lm_head__weight=[CODES, DIM], lm_head__bias=[CODES])
    block(state, "cls_pt_layers.0.", True, False)
    return state


def fine_tuned():
    state = collections.OrderedDict()
    vit(state, "", 3, PATCH, 0, False)
    for i in range(2):
        block(state, f"blocks.{i}.", True, True)
    add(state, fc_norm__weight=[DIM], fc_norm__bias=[DIM], head__weight=[CLASSES, DIM], head__bias=[CLASSES])
    return state


def companions(state):
    """What save_model of the official scripts adds, with an optimizer that has taken a step."""
    parameter = torch.nn.Parameter(torch.ones(3))
    optimizer = torch.optim.AdamW([parameter], lr=1e-3)
    parameter.grad = torch.ones(3)
    optimizer.step()
    for group in optimizer.param_groups:
        group["lr"] = np.float64(1e-3) * 2
        group["weight_decay"] = np.float64(0.05)
    return {
        "model": state,
        "optimizer": optimizer.state_dict(),
        "epoch": 299,
        "scaler": {"scale": 65536.0, "_growth_tracker": 0},
        "args": argparse.Namespace(model="tiny", lr=1e-3, opt_betas=[0.9, 0.98], epochs=300, clip_grad=None, dist=(1, 2)),
    }


def converted(state, dtype):
    return collections.OrderedDict(
        (name, tensor.to(dtype) if tensor.is_floating_point() else tensor) for name, tensor in state.items())


def views(state):
    """The same numbers: parameters of one storage, some transposed, some every other number of a row."""
    floats = [(name, tensor) for name, tensor in state.items() if tensor.is_floating_point()]
    whole = torch.zeros(2 * sum(tensor.numel() for _, tensor in floats))
    result, at = collections.OrderedDict(), 1
    for name, tensor in floats:
        if name.endswith("fc1.weight"):
            view = whole[at:at + tensor.numel()].view(tensor.T.shape).T
            at += tensor.numel()
        elif tensor.dim() == 1:
            view = whole[at:at + 2 * tensor.numel():2]
            at += 2 * tensor.numel()
        else:
            view = whole[at:at + tensor.numel()].view(tensor.shape)
            at += tensor.numel()
        view.copy_(tensor)
        result[name] = torch.nn.Parameter(view)
    return result


def save(name, content, **options):
    torch.save(content, os.path.join(FOLDER, name), **options)


torch.manual_seed(0)
save("tokenizer.pth", companions(tokenizer()))
save("tokenizer-legacy.pth", companions(tokenizer()), _use_new_zipfile_serialization=False)
save("pretrained.pth", companions(pretrained()))
save("pretrained-fp16.pth", {"module": converted(pretrained(), torch.float16), "global_steps": 7})
save("pretrained-bf16-legacy.pth", {"state_dict": converted(pretrained(), torch.bfloat16)},
     _use_new_zipfile_serialization=False)
save("pretrained-views.pth", views(pretrained()), pickle_protocol=4)
save("fine-tuned.pth", companions(fine_tuned()))
