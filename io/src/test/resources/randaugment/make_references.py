"""Writes expected.tsv: what Pillow makes of images for each operation of RandAugment, at several magnitudes.

Usage: python3 make_references.py ../images > expected.tsv. Written with Pillow 12.0.0. The operations and their arguments are those of
timm 0.4.12 for rand-m9-mstd0.5-inc1: bicubic, and filled with ImageNet's mean colour. The build does not run this.
"""
import hashlib
import os
import sys

from PIL import Image, ImageEnhance, ImageOps

FILL = (124, 116, 104)
BICUBIC = Image.Resampling.BICUBIC


def affine(image, *matrix):
    return image.transform(image.size, Image.Transform.AFFINE, matrix, resample=BICUBIC, fillcolor=FILL)


def solarize_add(image, part, sign):
    add = int(part * 110)
    return image.point([min(255, v + add) if v < 128 else v for v in range(256)] * 3)


def enhance(kind):
    return lambda image, part, sign: kind(image).enhance(1 + sign * part * 0.9)


# Each takes the image, the magnitude as a part of the largest one, and 1 or -1.
OPERATIONS = {
    "AUTO_CONTRAST": lambda image, part, sign: ImageOps.autocontrast(image),
    "EQUALIZE": lambda image, part, sign: ImageOps.equalize(image),
    "INVERT": lambda image, part, sign: ImageOps.invert(image),
    "ROTATE": lambda image, part, sign: image.rotate(sign * part * 30, resample=BICUBIC, fillcolor=FILL),
    "POSTERIZE": lambda image, part, sign: ImageOps.posterize(image, 4 - int(part * 4)),
    "SOLARIZE": lambda image, part, sign: ImageOps.solarize(image, 256 - int(part * 256)),
    "SOLARIZE_ADD": solarize_add,
    "COLOR": enhance(ImageEnhance.Color),
    "CONTRAST": enhance(ImageEnhance.Contrast),
    "BRIGHTNESS": enhance(ImageEnhance.Brightness),
    "SHARPNESS": enhance(ImageEnhance.Sharpness),
    "SHEAR_X": lambda image, part, sign: affine(image, 1, sign * part * 0.3, 0, 0, 1, 0),
    "SHEAR_Y": lambda image, part, sign: affine(image, 1, 0, 0, sign * part * 0.3, 1, 0),
    "TRANSLATE_X": lambda image, part, sign: affine(image, 1, 0, sign * part * 0.45 * image.size[0], 0, 1, 0),
    "TRANSLATE_Y": lambda image, part, sign: affine(image, 1, 0, 0, 0, 1, sign * part * 0.45 * image.size[1]),
}
NO_MAGNITUDE = {"AUTO_CONTRAST", "EQUALIZE", "INVERT"}
NO_SIGN = NO_MAGNITUDE | {"POSTERIZE", "SOLARIZE", "SOLARIZE_ADD"}

print("file\toperation\tmagnitude\tnegative\tsha256 of the RGB bytes")
for file in ["cat.jpg", "grey.jpg", "narrow.jpg", "one_pixel.jpg"]:
    image = Image.open(os.path.join(sys.argv[1], file)).convert("RGB")
    for name, operation in OPERATIONS.items():
        for magnitude in [9.0] if name in NO_MAGNITUDE else [0.0, 2.7, 8.4375, 9.0, 9.62, 10.0]:
            for sign in [1] if name in NO_SIGN else [1, -1]:
                out = operation(image, magnitude / 10, sign)
                assert out.mode == "RGB" and out.size == image.size
                digest = hashlib.sha256(out.tobytes()).hexdigest()
                print(file, name, magnitude, "false" if sign == 1 else "true", digest, sep="\t")
