"""Makes the images in this folder and expected.tsv, what Pillow makes of them.

Usage: python3 make_images.py cat.png coffee.png, any photographs, with libjpeg-turbo's jpegtran in the path. Those used are Chelsea
the cat by Stefan van der Walt and a coffee cup by Rachel Michetti, both CC0, as shipped with scikit-image (skimage/data/chelsea.png,
coffee.png). Written with Pillow 9.4.0 on libjpeg-turbo 2.1.4
(Pillow 13 resizes vertically first where that is less work, which can differ by one level). The build does not run this.
"""
import hashlib
import io
import subprocess
import sys
from PIL import Image, ImageCms, ImageEnhance, ImageOps

photo = Image.open(sys.argv[1]).convert("RGB")
photo.thumbnail((240, 160), Image.BICUBIC)
small = photo.crop((40, 0, 136, 72))


def jpeg(image, **options):
    out = io.BytesIO()
    image.save(out, "JPEG", **options)
    return out.getvalue()


def save(name, data):
    with open(name, "wb") as f:
        f.write(data)


exif = Image.Exif()
exif[0x0112] = 6
plain = jpeg(small, quality=90)
corrupt = bytearray(plain)
corrupt[len(corrupt) // 2 : len(corrupt) // 2 + 20] = bytes(range(1, 21))
bomb = bytearray(plain)
frame = bomb.index(b"\xff\xc0")
bomb[frame + 5 : frame + 9] = b"\xfd\xe8\xfd\xe8"

save("cat.jpg", jpeg(photo, quality=85))
save("coffee.jpg", jpeg(Image.open(sys.argv[2]).convert("RGB"), quality=85))
save("444.jpg", jpeg(small, quality=90, subsampling=0))
save("progressive.jpg", jpeg(small, quality=90, progressive=True))
save("grey.jpg", jpeg(small.convert("L"), quality=90))
save("cmyk.jpg", jpeg(small.convert("CMYK"), quality=90))
save("exif_orientation_6.jpg", jpeg(small, quality=90, exif=exif))
save("one_pixel.jpg", jpeg(small.resize((1, 1)), quality=90))
save("narrow.jpg", jpeg(small.resize((3, 400)), quality=90))
save("trailing_garbage.jpg", plain + bytes(range(256)))
save("corrupt_entropy.jpg", bytes(corrupt))
save("truncated_half.jpg", plain[: len(plain) // 2])
save("truncated_header.jpg", plain[:100])
save("no_eoi.jpg", plain[:-2])
save("soi_only.jpg", plain[:2])
save("bomb.jpg", bytes(bomb))
save("empty.jpg", b"")
save("text.jpg", b"This is no image.\n")
small.save("png_named.jpg", "PNG", optimize=True)
small.quantize(64).save("palette_transparent.png", transparency=0)
small.convert("RGBA").save("alpha.png", optimize=True)
small.save("photo.webp", quality=80)
small.save("lossless.webp", lossless=True)
with open("photo.webp", "rb") as f:
    save("webp_named.jpg", f.read())
save("arithmetic.jpg", subprocess.run(["jpegtran", "-arithmetic"], input=plain, stdout=subprocess.PIPE, check=True).stdout)
grey16 = Image.new("I;16", small.size)
grey16.putdata([257 * value for value in small.convert("L").getdata()])
grey16.save("grey16.png", optimize=True)
# A profile whose red and green are exchanged: who manages colours gives himself away.
profile = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
red, green = profile.index(b"rXYZ"), profile.index(b"gXYZ")
profile[24:36] = bytes(12)  # The date.
profile[red : red + 4], profile[green : green + 4] = b"gXYZ", b"rXYZ"
save("icc_profile.jpg", jpeg(small, quality=90, icc_profile=bytes(profile)))
# YCCK is CMYK whose first three channels went through the conversion of RGB to YCbCr. Pillow inverts what it writes.
cyan, magenta, yellow, black = small.convert("CMYK").split()
ycc = Image.merge("RGB", [cyan, magenta, yellow]).convert("YCbCr")
ycck = jpeg(Image.merge("CMYK", [ImageOps.invert(channel) for channel in ycc.split()] + [black]), quality=90)
save("ycck.jpg", ycck.replace(b"Adobe\0\x64\0\0\0\0\0", b"Adobe\0\x64\0\0\0\0\2"))
small.save("animated.gif", save_all=True, append_images=[ImageOps.mirror(small)])

rows = []


def expect(name, what, image):
    rgb = image.tobytes()
    rows.append((name, what, f"{image.width}x{image.height}", hashlib.sha256(rgb).hexdigest()))


for name in (
    "cat.jpg 444.jpg progressive.jpg grey.jpg exif_orientation_6.jpg one_pixel.jpg narrow.jpg trailing_garbage.jpg corrupt_entropy.jpg "
    "png_named.jpg palette_transparent.png alpha.png photo.webp lossless.webp animated.gif "
    "coffee.jpg arithmetic.jpg icc_profile.jpg webp_named.jpg"
).split():
    expect(name, "decode", Image.open(name).convert("RGB"))

cat = Image.open("cat.jpg").convert("RGB")
narrow = Image.open("narrow.jpg").convert("RGB")
pixel = Image.open("one_pixel.jpg").convert("RGB")


def resize(name, image, left, top, width, height, output):
    box = (left, top, left + width, top + height)
    what = f"resize {left} {top} {width} {height} {output[0]} {output[1]}"
    expect(name, what, image.resize(output, Image.BICUBIC, box=box))


resize("cat.jpg", cat, 0, 0, cat.width, cat.height, (96, 96))
resize("cat.jpg", cat, 31, 17, 150, 101, (64, 64))
resize("cat.jpg", cat, 5, 60, 20, 13, (224, 224))
resize("cat.jpg", cat, 10, 20, 64, 64, (64, 64))
resize("cat.jpg", cat, 0, 0, cat.width, cat.height, (3, 2))
resize("cat.jpg", cat, 0, 0, cat.width, cat.height, (cat.width, 40))
resize("narrow.jpg", narrow, 0, 100, 3, 300, (32, 32))
resize("one_pixel.jpg", pixel, 0, 0, 1, 1, (8, 8))

def evaluation(name, image, size):
    """torchvision's Resize(256/224 of the size) and CenterCrop(size)."""
    shorter = round(size * 256 / 224)
    scale = [shorter if side == min(image.size) else int(shorter * side / min(image.size)) for side in image.size]
    left, top = (round((side - size) / 2) for side in scale)
    image = image.resize(scale, Image.BICUBIC).crop((left, top, left + size, top + size))
    expect(name, f"evaluation {size}", image)


coffee = Image.open("coffee.jpg").convert("RGB")
resize("coffee.jpg", coffee, 71, 87, 158, 206, (224, 224))
resize("coffee.jpg", coffee, 134, 0, 377, 400, (224, 224))
resize("coffee.jpg", coffee, 0, 0, coffee.width, coffee.height, (500, 375))
evaluation("coffee.jpg", coffee, 224)
evaluation("coffee.jpg", coffee, 100)
evaluation("cat.jpg", cat, 224)
evaluation("cat.jpg", cat, 96)
evaluation("narrow.jpg", narrow, 32)
evaluation("one_pixel.jpg", pixel, 8)

ENHANCE = {"b": ImageEnhance.Brightness, "c": ImageEnhance.Contrast, "s": ImageEnhance.Color}


def render(order, brightness, contrast, saturation, left, top, width, height, flip, size):
    """The official order: jitter the whole image, crop, resize (torchvision's resized_crop), flip."""
    image = cat
    factors = {"b": brightness, "c": contrast, "s": saturation}
    for step in order:
        if factors[step] != 1:
            image = ENHANCE[step](image).enhance(factors[step])
    image = image.crop((left, top, left + width, top + height)).resize((size, size), Image.BICUBIC)
    if flip:
        image = ImageOps.mirror(image)
    what = f"render {order} {brightness} {contrast} {saturation} {left} {top} {width} {height} {int(flip)} {size}"
    expect("cat.jpg", what, image)


for i, order in enumerate(("bcs", "bsc", "cbs", "csb", "sbc", "scb")):
    render(order, 0.75, 1.375, 0.625, 10 + i, 3, 120, 101, i % 2 == 1, 64)
    render(order, 1.4, 0.6, 1.4, 0, 0, cat.width, cat.height, False, 48)
render("bcs", 1, 1, 1, 100, 40, 77, 63, True, 224)
render("csb", 0, 1, 1, 0, 0, 50, 50, False, 16)
render("bcs", 1, 1.25, 1, 0, 0, 50, 50, False, 16)
render("bcs", 1, 1, 0, 0, 0, 50, 50, True, 16)

with open("expected.tsv", "w") as f:
    f.write("file\twhat\tsize\tsha256 of the RGB bytes\n")
    f.writelines("\t".join(row) + "\n" for row in rows)
