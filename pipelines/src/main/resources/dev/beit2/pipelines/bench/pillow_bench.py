"""Pillow's side of ./beit2 bench --data.

Usage: python3 pillow_bench.py boxes.tsv, whose lines are: path of a JPEG, left, top, right, bottom. Prints a line with the versions. Then
makes one pass over the images for each line of stdin (decode or view), and prints its processor time in seconds.
"""
import io
import sys
import time

from PIL import Image, features
import PIL
import numpy

SIZE = 224

images = []
with open(sys.argv[1], encoding="utf-8") as lines:
    for line in lines:
        path, *box = line.rstrip("\n").split("\t")
        with open(path, "rb") as f:
            images.append((f.read(), tuple(map(int, box))))


def decode(image):
    return Image.open(io.BytesIO(image)).convert("RGB")


def view(image, box):
    pixels = numpy.asarray(decode(image).resize((SIZE, SIZE), Image.BICUBIC, box=box))
    planes = numpy.empty((3, SIZE, SIZE), numpy.float32)
    numpy.divide(pixels.transpose(2, 0, 1), numpy.float32(255), out=planes)
    return planes


turbo = features.version("libjpeg_turbo") or "none"
print(f"Pillow {PIL.__version__} (libjpeg-turbo {turbo}, numpy {numpy.__version__})", flush=True)
for request in sys.stdin:
    start = time.process_time()
    for image, box in images:
        if request.strip() == "decode":
            decode(image)
        else:
            view(image, box)
    print(time.process_time() - start, flush=True)
