"""trace.py WEIGHTS PROGRAM: torchvision's MobileNetV2 up to its last map of stride 16, as a TorchScript teacher.

Images of 224 pixels would have a map of 14 x 14 x 96. The demo's networks have 6 x 6 patches, so the program takes images of 192 pixels
and returns the mean of each 2 x 2 cells of their 12 x 12 x 96 map: [B, 36, 96].
"""

import sys

import torch
import torchvision

SIZE = 192


class Teacher(torch.nn.Module):
    def __init__(self, network):
        super().__init__()
        self.features = network.features[:14]

    def forward(self, images):
        return torch.nn.functional.avg_pool2d(self.features(images), 2).flatten(2).transpose(1, 2)


network = torchvision.models.mobilenet_v2()
network.load_state_dict(torch.load(sys.argv[1], weights_only=True))
program = torch.jit.trace(Teacher(network).eval(), torch.zeros(2, 3, SIZE, SIZE))
torch.jit.save(
    program, sys.argv[2], _extra_files={"mean": "0.485,0.456,0.406", "std": "0.229,0.224,0.225", "size": str(SIZE)})
