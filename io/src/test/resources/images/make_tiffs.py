#!/usr/bin/env python3
"""Makes the TIFFs beside this script, and what Pillow makes of them: expected_tiff.tsv. Needs Pillow, numpy, tifffile and imagecodecs."""
import hashlib

import numpy as np
import tifffile
from PIL import Image

photo = Image.open("cat.jpg").convert("RGB").resize((60, 44))
pixels = np.asarray(photo)
grey = np.asarray(photo.convert("L"))


def pillow(name, image, **options):
    image.save(name, **options)
    return name, Image.open(name).convert("RGB")


def other(name, array, expected=None, **options):
    """A kind that Pillow does not write, or does not read."""
    tifffile.imwrite(name, array, metadata=None, **options)
    return name, expected or Image.open(name).convert("RGB")


made = [
    pillow("tiff_lzw_turned.tif", photo, compression="tiff_lzw", tiffinfo={274: 6}),
    pillow("tiff_jpeg.tif", photo, compression="jpeg", quality=80),
    pillow("tiff_palette.tif", photo.quantize(16), compression="packbits"),
    pillow("tiff_bilevel.tif", photo.convert("1"), compression="group4"),
    pillow("tiff_cmyk.tif", photo.convert("CMYK"), compression="tiff_adobe_deflate"),
    pillow("tiff_alpha.tif", photo.convert("RGBA"), compression="tiff_lzw"),
    other("tiff_tiled.tif", pixels, tile=(16, 16), compression="lzw", predictor=2, photometric="rgb"),
    other("tiff_planar.tif", pixels.transpose(2, 0, 1).copy(), planarconfig="separate", photometric="rgb", byteorder=">"),
    other("tiff_big.tif", pixels, bigtiff=True, compression="zlib", photometric="rgb"),
    # 16 bits are scaled to 8.
    other("tiff_rgb16.tif", pixels.astype("uint16") * 257, photo, tile=(32, 32), compression="zlib", photometric="rgb"),
    other("tiff_grey16.tif", grey.astype("uint16") * 257, photo.convert("L").convert("RGB"), compression="lzw", predictor=2),
]
photo.save("tiff_pages.tif", compression="tiff_lzw", save_all=True, append_images=[photo.rotate(180)])
made.append(("tiff_pages.tif", photo))
tifffile.imwrite("tiff_float.tif", grey[:4, :4].astype("float32"), metadata=None)  # is refused

with open("expected_tiff.tsv", "w") as f:
    f.write("file\twhat\tsize\tsha256 of the RGB bytes\n")
    for name, image in made:
        f.write(f"{name}\tdecode\t{image.width}x{image.height}\t{hashlib.sha256(image.tobytes()).hexdigest()}\n")
