"""Makes a segmentation set of the sample photographs: paste.py SAMPLES SET. Needs NumPy and Pillow.

Each image is a crop of a photograph of a landscape, with one to three pieces of photographs of animals and plants pasted in. A piece has a random
smooth outline and comes from the centre of its photograph, so that the class of each pixel is known. The set has ADE20K's layout: 0 is no class
(a seam of some pixels around each piece), 1 the background. Training images are made of SAMPLES/train, validation images of SAMPLES/val.
"""
import sys
from pathlib import Path

import numpy as np
from PIL import Image

BACKGROUNDS = ["lake", "foliage"]
OBJECTS = ["bird", "fish", "flower", "fruit"]
WIDTH, HEIGHT = 144, 112
COUNTS = {"training": ("train", 240), "validation": ("val", 60)}


def outline(rng, size):
    """A mask [size, size] of a random smooth shape that touches no edge."""
    y, x = np.mgrid[0:size, 0:size] - (size - 1) / 2
    angle = np.arctan2(y, x)
    radius = np.ones_like(angle)
    for k in (2, 3, 4):
        radius += rng.uniform(0, 0.25 / k) * np.cos(k * angle + rng.uniform(0, 2 * np.pi))
    return np.hypot(x, y) < radius / radius.max() * (size / 2 - 1)


def piece(rng, path, size):
    """The centre of a photograph, [size, size, 3]."""
    photo = Image.open(path).convert("RGB")
    side = min(photo.size) * rng.uniform(0.6, 0.9)
    left, top = (photo.width - side) / 2, (photo.height - side) / 2
    box = (left, top, left + side, top + side)
    return np.asarray(photo.resize((size, size), Image.BICUBIC, box))


def background(rng, path):
    photo = Image.open(path).convert("RGB")
    scale = min(photo.width / WIDTH, photo.height / HEIGHT) * rng.uniform(0.5, 1)
    left = rng.uniform(0, photo.width - scale * WIDTH)
    top = rng.uniform(0, photo.height - scale * HEIGHT)
    box = (left, top, left + scale * WIDTH, top + scale * HEIGHT)
    return np.array(photo.resize((WIDTH, HEIGHT), Image.BICUBIC, box))


def main(samples, out):
    for part, (folder, count) in COUNTS.items():
        photos = {name: sorted((samples / folder / name).iterdir()) for name in BACKGROUNDS + OBJECTS}
        for kind in ("images", "annotations"):
            (out / kind / part).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            rng = np.random.default_rng([number, len(part)])
            choose = lambda names: (name := names[rng.integers(len(names))], photos[name][rng.integers(len(photos[name]))])
            image = background(rng, choose(BACKGROUNDS)[1])
            mask = np.ones((HEIGHT, WIDTH), np.uint8)
            for _ in range(rng.integers(1, 4)):
                name, photo = choose(OBJECTS)
                size = int(rng.integers(40, 80))
                left, top = rng.integers(0, WIDTH - size), rng.integers(0, HEIGHT - size)
                shape = outline(rng, size)
                inner = np.pad(shape, 1)
                inner = inner[1:-1, 1:-1] & inner[:-2, 1:-1] & inner[2:, 1:-1] & inner[1:-1, :-2] & inner[1:-1, 2:]
                where = np.s_[top : top + size, left : left + size]
                image[where][shape] = piece(rng, photo, size)[shape]
                mask[where][shape] = 0
                mask[where][inner] = 2 + OBJECTS.index(name)
            Image.fromarray(image).save(out / "images" / part / f"{number:04d}.jpg", quality=92)
            Image.fromarray(mask).save(out / "annotations" / part / f"{number:04d}.png")
    (out / "classes.txt").write_text("\n".join(["background", *OBJECTS]) + "\n")


main(Path(sys.argv[1]), Path(sys.argv[2]))
