"""Files as the official scripts write them, from a model.safetensors of ours.

official.py write MODEL FOLDER   FOLDER/{zip,legacy}-{fp32,fp16}.pth and FOLDER/deepspeed.pth, with what those scripts add;
                                 FOLDER/fp32.safetensors and FOLDER/fp16.safetensors are ours, with the same numbers.
official.py same FOLDER          In FOLDER the features of each file (NAME.pth.features) are those of ours, bit for bit."""
import argparse
import collections
import pathlib
import sys

import numpy as np
import torch
from safetensors import safe_open
from safetensors.torch import load_file, save_file


def companions(parameter):
    """What save_model of the official scripts adds, with an optimizer that has taken a step and numpy's numbers."""
    optimizer = torch.optim.AdamW([parameter], lr=1e-3)
    parameter.grad = torch.ones_like(parameter)
    optimizer.step()
    for group in optimizer.param_groups:
        group["lr"] = np.float64(1.5e-3)
        group["weight_decay"] = np.float32(0.05)
        group["lr_scale"] = np.int64(1)
    return {
        "optimizer": optimizer.state_dict(),
        "epoch": 299,
        "scaler": {"scale": 65536.0, "growth_factor": 2.0, "_growth_tracker": 0},
        "args": argparse.Namespace(model="beit", opt_betas=[0.9, 0.98], clip_grad=None, dist_url="env://", second_size=(14, 14)),
        "model_ema": None,
    }


def ignored(state):
    """What official state dicts hold besides the network's parameters."""
    for name in [name for name in state if name.endswith("relative_position_bias_table")]:
        grid = (round((state[name].shape[0] - 3) ** 0.5) + 1) // 2  # the table has (2 grid - 1)^2 + 3 rows
        tokens = grid * grid + 1
        state[name.replace("bias_table", "index")] = torch.arange(tokens * tokens).reshape(tokens, tokens)
    if "quantize.embedding.weight" in state:
        state["teacher_model.conv1.weight"] = torch.ones(8, 3, 16, 16)
        state["teacher_model.logit_scale"] = torch.tensor(4.6)
        state["scaling_layer.scale"] = torch.ones(1, 3, 1, 1)
        state["loss_fn.weight"] = torch.ones(2)


def write(model, folder):
    folder.mkdir()
    with safe_open(model, "pt") as file:
        metadata = file.metadata()
    for precision, dtype in {"fp32": torch.float32, "fp16": torch.float16}.items():
        state = collections.OrderedDict(
            (name, tensor.to(dtype) if tensor.is_floating_point() else tensor) for name, tensor in load_file(model).items())
        ours = {name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in state.items()}
        save_file(ours, folder / f"{precision}.safetensors", metadata)
        ignored(state)
        whole = {"model": state, **companions(torch.nn.Parameter(torch.ones(3)))}
        torch.save(whole, folder / f"zip-{precision}.pth")
        torch.save(whole, folder / f"legacy-{precision}.pth", _use_new_zipfile_serialization=False)
        if dtype == torch.float16:
            continue
        # A DeepSpeed checkpoint (mp_rank_00_model_states.pt), as --enable_deepspeed leaves it.
        shapes = [collections.OrderedDict((name, tensor.shape) for name, tensor in state.items())]
        torch.save(
            {"module": state, "buffer_names": [], "optimizer": None, "param_shapes": shapes, "frozen_param_shapes": None,
             "shared_params": {}, "lr_scheduler": None, "data_sampler": None, "random_ltd": None,
             "sparse_tensor_module_names": set(), "skipped_steps": 0, "global_steps": 1000, "global_samples": 2048000,
             "dp_world_size": 16, "mp_world_size": 1, "ds_config": {"train_batch_size": 2048, "fp16": {"enabled": True}},
             "ds_version": "0.4.0", "epoch": 299},
            folder / "deepspeed.pth")


def same(folder):
    for file in sorted(folder.glob("*.pth")):
        ours = "fp16" if "fp16" in file.name else "fp32"
        found, wanted = load_file(f"{file}.features"), load_file(folder / f"{ours}.safetensors.features")
        assert set(found) == set(wanted), file
        for name, tensor in wanted.items():
            assert torch.equal(found[name], tensor), f"{file}: {name}"
        print(f"{folder.name} {file.name}: the same features", flush=True)


if sys.argv[1] == "write":
    write(pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3]))
else:
    same(pathlib.Path(sys.argv[2]))
