"""Loads exports with the tools that they are for, and compares.

interop.py RUN FORMAT...   RUN/FORMAT are exports of RUN/checkpoints/step-000001; RUN/ours.safetensors is FeatureDump.java's, made of
                           the photographs whose paths are the lines of RUN/photographs.
                           Prints a line for each format with the largest absolute difference, and fails above 1e-4.
interop.py names FOLDER    The names and shapes of the tools' own networks are those in FOLDER, which the Java tests have.
                           With NAMES_WRITE=1 writes them; transformers must be version 4 for that (PYTHONPATH)."""
import os
import sys

import numpy as np
import onnx
import onnxruntime
import timm
import torch
import transformers
from PIL import Image
from safetensors.torch import load_file
from transformers import (
    AutoImageProcessor,
    AutoModel,
    BeitConfig,
    BeitForImageClassification,
    BeitForMaskedImageModeling,
    BeitModel,
)

LIMIT = 1e-4
MEAN = torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)
STD = torch.tensor([0.229, 0.224, 0.225]).view(1, 3, 1, 1)
transformers.logging.set_verbosity_error()
transformers.logging.disable_progress_bar()


def photographs(run):
    with open(f"{run}/photographs", encoding="utf-8") as file:
        return [Image.open(path).convert("RGB") for path in file.read().splitlines()]


def report(run, what, found, wanted):
    difference = (torch.as_tensor(found) - wanted).abs().max().item()
    print(f"{os.path.basename(run)} {what}: {difference:.1e} (largest value {wanted.abs().max().item():.1f})", flush=True)
    assert difference <= LIMIT, f"{run} {what}: {difference}"


def judge_timm(run, folder, ours):
    model = timm.create_model(f"local-dir:{folder}", pretrained=True).eval()  # strict
    images = (ours["images"] - MEAN) / STD
    transform = timm.data.create_transform(**timm.data.resolve_model_data_config(model))
    same_crop(run, "timm", torch.stack([transform(photograph) for photograph in photographs(run)]), ours)
    if "logits" in ours:
        report(run, "timm logits", model(images), ours["logits"])
        return
    report(run, "timm features", model(images), ours["tokens"][:, 0])
    report(run, "timm tokens", model.forward_features(images), ours["tokens"])


def same_centre(photograph, processor):
    """Half a pixel is rounded to even by torchvision and by us, and down by transformers: no config changes that."""
    shorter, longer = sorted(photograph.size)
    left = processor.size["shortest_edge"] * longer // shorter - processor.crop_size["width"]
    return left % 4 != 3


def load(architecture, folder):
    model, info = architecture.from_pretrained(folder, output_loading_info=True)
    assert not any(info.values()), f"{folder}: {info}"
    return model.eval()


def judge_transformers(run, folder, ours):
    images = (ours["images"] - MEAN) / STD
    name = f"transformers {transformers.__version__}"
    # Pillow's arithmetic; version 5 would resize with torchvision.
    version5 = {} if transformers.__version__.startswith("4.") else {"backend": "pil"}
    processor = AutoImageProcessor.from_pretrained(folder, use_fast=False, **version5)
    exact = [same_centre(photograph, processor) for photograph in photographs(run)]
    crops = processor(photographs(run), return_tensors="pt").pixel_values
    same_crop(run, f"{name}, {sum(exact)} of {len(exact)} photographs,", crops[exact], {"images": ours["images"][exact]})
    if "logits" in ours:
        output = load(BeitForImageClassification, folder)(pixel_values=images)
        report(run, f"{name} logits", output.logits, ours["logits"])
    else:
        output = load(AutoModel, folder)(pixel_values=images)
        report(run, f"{name} tokens", output.last_hidden_state, ours["tokens"])
        report(run, f"{name} pooler", output.pooler_output, ours["tokens"][:, 0])


def judge_transformers_mim(run, folder, ours):
    images = (ours["images"] - MEAN) / STD
    patches = ours["tokens"].shape[1] - 1
    masked = torch.arange(len(images) * patches) % 2 == 0  # as FeatureDump.java
    model = load(BeitForMaskedImageModeling, folder)
    logits = model(pixel_values=images, bool_masked_pos=masked.view(-1, patches)).logits
    report(run, f"transformers {transformers.__version__} codes", logits.flatten(0, 1)[masked], ours["codes"])


def judge_onnx(run, folder, ours):
    file = f"{folder}/model.onnx"
    onnx.checker.check_model(file, full_check=True)
    session = onnxruntime.InferenceSession(file)
    for images, batch in ((ours["images"], "all"), (ours["images"][:1], "one")):
        outputs = session.run(None, {"images_0_to_1": images.numpy()})
        count = len(images)
        if "logits" in ours:
            report(run, f"onnx logits, {batch}", outputs[0], ours["logits"][:count])
        else:
            tokens = np.concatenate([outputs[0][:, None], outputs[1]], axis=1)
            report(run, f"onnx tokens, {batch}", tokens, ours["tokens"][:count])


def judge_official(run, folder, ours):
    same_tensors(run, "official", torch.load(f"{folder}/model.pth", weights_only=True)["model"])
    mapped = torch.load(f"{folder}/model.pth", weights_only=True, mmap=True)["model"]
    same_tensors(run, "official, mapped", mapped)
    assert all(tensor.data_ptr() % 64 == 0 for tensor in mapped.values()), "tensors that are not aligned"


def judge_safetensors(run, folder, ours):
    same_tensors(run, "safetensors", load_file(f"{folder}/model.safetensors"))


def same_tensors(run, what, found):
    wanted = load_file(f"{run}/checkpoints/step-000001/model.safetensors")
    assert set(found) == set(wanted), set(found) ^ set(wanted)
    for name, tensor in wanted.items():
        assert torch.equal(found[name], tensor), name
    print(f"{os.path.basename(run)} {what}: the same {len(wanted)} tensors", flush=True)


def same_crop(run, what, found, ours):
    report(run, f"{what} crop", found, (ours["images"] - MEAN) / STD)


def names(folder):
    shape = dict(img_size=64, patch_size=16, embed_dim=48, num_heads=3, init_values=0.1)
    config = dict(hidden_size=48, num_attention_heads=3, intermediate_size=192, image_size=64, patch_size=16, vocab_size=64)
    config |= dict(use_absolute_position_embeddings=False, layer_scale_init_value=0.1)
    shared = config | dict(num_hidden_layers=4, use_shared_relative_position_bias=True, use_mask_token=True)
    own = config | dict(num_hidden_layers=3, use_relative_position_bias=True, use_mean_pooling=True, num_labels=10)
    timm_beit = "beitv2_base_patch16_224"
    networks = {
        "timm-mim": timm.create_model(timm_beit, num_classes=0, global_pool="token", depth=4, **shape),
        "timm-classifier": timm.create_model(timm_beit, num_classes=10, depth=3, **shape),
    }
    if transformers.__version__.startswith("4."):  # version 5 has other names in memory
        networks |= {
            "transformers-BeitModel": BeitModel(BeitConfig(use_mean_pooling=False, **shared)),
            "transformers-BeitForMaskedImageModeling": BeitForMaskedImageModeling(BeitConfig(use_mean_pooling=True, **shared)),
            "transformers-BeitForImageClassification": BeitForImageClassification(BeitConfig(**own)),
        }
    for name, network in networks.items():
        text = "".join(f"{key} {list(value.shape)}\n" for key, value in sorted(network.state_dict().items()))
        if os.environ.get("NAMES_WRITE"):
            with open(f"{folder}/{name}.txt", "w", encoding="utf-8") as file:
                file.write(text)
        with open(f"{folder}/{name}.txt", encoding="utf-8") as file:
            assert file.read() == text, f"{name}: the tool's network has other tensors than the tests'"
        print(f"{name}: the tests have its {len(text.splitlines())} names", flush=True)


if sys.argv[1] == "names":
    names(sys.argv[2])
else:
    path = f"{sys.argv[1]}/ours.safetensors"
    dumped = load_file(path) if os.path.exists(path) else {}
    with torch.no_grad():
        for target in sys.argv[2:]:
            judge = globals()["judge_" + target.replace("-", "_")]
            judge(sys.argv[1], f"{sys.argv[1]}/{target}", dumped)
