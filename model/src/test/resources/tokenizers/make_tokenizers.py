"""Writes TorchScript tokenizers beside it. A patch of 16 x 16 pixels of an image of 96 has the code [16 * mean of its red], 0 to 15.

    python3 -m venv venv && venv/bin/pip install torch && venv/bin/python make_tokenizers.py
"""

import os

import torch
from torch import nn

FOLDER = os.path.dirname(os.path.abspath(__file__))
SIZE, PATCH, CODES = 96, 16, 16
EXTRA = {"mean": "0.5,0.4,0.3", "std": "0.25,0.25,0.25", "size": str(SIZE), "codes": str(CODES)}


class Codes(nn.Module):
    def forward(self, x):
        red = nn.functional.avg_pool2d(x, PATCH)[:, 0] * 0.25 + 0.5
        return (CODES * red).floor().clamp(0, CODES - 1).long().flatten(1)


class Codes32(Codes):
    def forward(self, x):
        return super().forward(x).int()


class OneImage(Codes):
    """Right for a batch of one."""

    def forward(self, x):
        return super().forward(x).reshape(1, -1)


for name, model in {"codes": Codes(), "codes32": Codes32(), "one-image": OneImage()}.items():
    program = torch.jit.trace(model, torch.zeros(2, 3, SIZE, SIZE))
    torch.jit.save(program, os.path.join(FOLDER, name + ".pt"), _extra_files=EXTRA)
torch.jit.save(torch.jit.trace(Codes(), torch.zeros(2, 3, SIZE, SIZE)), os.path.join(FOLDER, "bare.pt"))
