"""Makes small pictures, and records what Pillow and numpy make of them.

    pip install -r requirements.txt
    python record.py

Writes `pictures/` and `cases.json`: settings, and the first half of the SHA-256 of the samples and of the values that the
arithmetic of transformers' image processors makes of the picture. Of lossy WebP, on which decoders differ in the last bit,
the samples themselves are in `samples.bin`.
"""

import hashlib
import io
import json
import math
import pathlib
import shutil
import struct
import zlib

import numpy as np
from PIL import Image, ImageOps

HERE = pathlib.Path(__file__).parent
FILTERS = {"nearest": 0, "lanczos": 1, "bilinear": 2, "bicubic": 3, "box": 4, "hamming": 5}


def scene(width, height, seed=3):
    """Slopes, an edge, a disc and grain, so that each kind of error shows."""
    grain = np.random.default_rng(seed).normal(size=(height, width, 3)) * 12
    y, x = np.mgrid[:height, :width]
    picture = np.stack([255 * x / max(width - 1, 1), 255 * y / max(height - 1, 1), 127 + 120 * np.sin((x + y) / 5)], 2)
    picture[(x - width / 2) ** 2 + (y - height / 3) ** 2 < (min(width, height) / 4) ** 2] = [250, 20, 30]
    picture[x + 2 * y > width + height] *= 0.4
    return np.clip(picture + grain, 0, 255).astype(np.uint8)


def pictures():
    made = {}

    def save(name, image, format, **options):
        file = io.BytesIO()
        image.save(file, format, **options)
        made[name] = file.getvalue()

    colours = Image.fromarray(scene(61, 43))
    grey = colours.convert("L")
    for name, subsampling in {"444": 0, "422": 1, "420": 2}.items():
        save(f"{name}.jpg", colours, "JPEG", quality=85, subsampling=subsampling)
        save(f"{name}-progressive.jpg", colours, "JPEG", quality=85, subsampling=subsampling, progressive=True)
    for width, height in [(1, 1), (1, 40), (40, 1), (2, 3), (5, 5), (16, 16), (17, 33)]:
        image = Image.fromarray(scene(width, height))
        save(f"{width}x{height}.jpg", image, "JPEG", quality=90, subsampling=2)
        save(f"{width}x{height}-422.jpg", image, "JPEG", quality=90, subsampling=1)
        save(f"{width}x{height}.png", image, "PNG")
        save(f"{width}x{height}.webp", image, "WEBP", quality=90)
    save("restarts.jpg", colours, "JPEG", quality=70, subsampling=2, restart_marker_blocks=3)
    save("restarts-progressive.jpg", colours, "JPEG", quality=70, restart_marker_rows=1, progressive=True)
    save("coarse.jpg", colours, "JPEG", quality=10)
    save("fine.jpg", colours, "JPEG", quality=100, subsampling=0)
    save("rgb.jpg", colours, "JPEG", quality=85, keep_rgb=True)
    save("grey.jpg", grey, "JPEG", quality=85)
    save("grey-progressive.jpg", grey, "JPEG", quality=85, progressive=True)
    save("cmyk.jpg", colours.convert("CMYK"), "JPEG", quality=85)
    save("cmyk-progressive.jpg", colours.convert("CMYK"), "JPEG", quality=85, progressive=True)
    # Pillow writes no YCCK: the same data, its colours said to be another.
    ycck = made["cmyk.jpg"]
    at = ycck.index(b"Adobe") + 11
    made["ycck.jpg"] = ycck[:at] + b"\2" + ycck[at + 1 :]
    wide = Image.fromarray(scene(640, 427))
    save("640x427.jpg", wide, "JPEG", quality=40, subsampling=2)
    save("640x427-progressive.jpg", wide, "JPEG", quality=40, subsampling=2, progressive=True, optimize=True)
    odd = Image.fromarray(scene(333, 251))
    save("333x251-progressive.jpg", odd, "JPEG", quality=80, subsampling=2, progressive=True)
    save("333x251-restarts.jpg", odd, "JPEG", quality=80, subsampling=2, restart_marker_blocks=7)
    save("333x251-restarts-progressive.jpg", odd, "JPEG", quality=60, subsampling=1, restart_marker_rows=2, progressive=True)
    for name, (across, down) in {"444": (1, 1), "422": (2, 1), "420": (2, 2), "440": (1, 2), "411": (4, 1), "410": (4, 2)}.items():
        made[f"apart-{name}.jpg"] = apart(Image.fromarray(scene(75, 59)), across, down)
    made["apart.jpg"] = apart(odd, 2, 2)
    for orientation in range(1, 9):
        exif = Image.Exif()
        exif[0x0112] = orientation
        small = Image.fromarray(scene(21, 13))
        save(f"orientation-{orientation}.jpg", small, "JPEG", quality=85, subsampling=2, exif=exif)
    exif = Image.Exif()
    exif[0x0112] = 6
    save("orientation.png", Image.fromarray(scene(21, 13)), "PNG", exif=exif)
    save("orientation.webp", Image.fromarray(scene(21, 13)), "WEBP", lossless=True, exif=exif)

    alpha = Image.fromarray(np.mgrid[:43, :61][1].astype(np.uint8) * 4)
    clear = colours.copy()
    clear.putalpha(alpha)
    save("rgb.png", colours, "PNG")
    save("rgba.png", clear, "PNG")
    save("grey.png", grey, "PNG")
    save("grey-alpha.png", Image.merge("LA", [grey, alpha]), "PNG")
    save("bits-1.png", grey.convert("1"), "PNG")
    save("palette.png", colours.quantize(200), "PNG")
    save("palette-4.png", colours.quantize(11), "PNG", bits=4)
    save("palette-clear.png", colours.quantize(50), "PNG", transparency=bytes([0, 90, 255]))
    wide = (np.asarray(grey).astype(np.uint16) << 8) + 77
    made["grey-16.png"] = png(wide[:, :, None], 0)
    made["rgb-16.png"] = png((scene(61, 43).astype(np.uint16) << 8) + 130, 2)
    made["interlaced.png"] = png(scene(61, 43), 2, interlaced=True)
    made["interlaced-grey.png"] = png(scene(5, 3)[:, :, :1], 0, interlaced=True)
    save("lossy.webp", colours, "WEBP", quality=80)
    save("lossy-coarse.webp", colours, "WEBP", quality=5)
    save("lossy-alpha.webp", clear, "WEBP", quality=80)
    save("lossless.webp", colours, "WEBP", lossless=True)
    save("lossless-alpha.webp", clear, "WEBP", lossless=True, exact=True)
    frames = [Image.fromarray(scene(21, 13, seed)) for seed in [3, 4]]
    save("animated.webp", frames[0], "WEBP", lossless=True, save_all=True, append_images=frames[1:])
    return made


def apart(image, across, down):
    """A sequential JPEG whose components come one after the other, sampled as Pillow cannot: three of grey in one frame."""
    width, height = image.size
    bands = image.convert("YCbCr").split()
    small = (-(-width // across), -(-height // down))
    parts = []
    for band in [bands[0], bands[1].resize(small), bands[2].resize(small)]:
        file = io.BytesIO()
        band.save(file, "JPEG", quality=85)
        parts.append(segments(file.getvalue()))
    frame = struct.pack(">BHHB", 8, height, width, 3)
    frame += b"".join(bytes([i + 1, across << 4 | down if i == 0 else 0x11, 0]) for i in range(3))
    made = b"\xff\xd8" + segment(0xDB, parts[0][0xDB]) + segment(0xC0, frame)
    for index, part in enumerate(parts):
        codes = segment(0xC4, part[0xC4])
        made += codes + segment(0xDA, bytes([1, index + 1, 0, 0, 63, 0])) + part["data"]
    return made + b"\xff\xd9"


def segment(marker, content):
    return struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content


def segments(file):
    """What is in a JPEG of one scan, by marker; segments of the same marker one after the other."""
    found, at = {}, 2
    while True:
        marker, length = file[at + 1], int.from_bytes(file[at + 2 : at + 4], "big")
        if marker == 0xDA:
            found["data"] = file[at + 2 + length : -2]
            return found
        found[marker] = found.get(marker, b"") + file[at + 4 : at + 2 + length]
        at += 2 + length


def png(samples, colour, interlaced=False):
    """Pillow writes neither interlaced pictures nor 16-bit colours."""
    height, width, _ = samples.shape

    def chunk(kind, content):
        checksum = zlib.crc32(kind + content)
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", checksum)

    passes = [(0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1)]
    rows = b""
    for top, left, down, across in passes if interlaced else [(0, 0, 1, 1)]:
        part = samples[top::down, left::across]
        if part.shape[1]:
            rows += b"".join(b"\0" + row.astype(row.dtype.newbyteorder(">")).tobytes() for row in part)
    header = struct.pack(">IIBBBBB", width, height, samples.dtype.itemsize * 8, colour, 0, 0, interlaced)
    start = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header)
    return start + chunk(b"IDAT", zlib.compress(rows, 9)) + chunk(b"IEND", b"")


def decoded(content):
    image = Image.open(io.BytesIO(content))
    if image.mode.startswith("I;16"):
        # Pillow clips these when it converts; the upper half is what it takes of 16-bit colours.
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    return ImageOps.exif_transpose(image)


def resized(image, size, resample):
    if size is None:
        return image
    width, height = image.size
    if "height" in size:
        new = (size["width"], size["height"])
    else:
        short, long = min(width, height), max(width, height)
        new_short, new_long = size["shortest_edge"], int(size["shortest_edge"] * long / short)
        most = size.get("longest_edge")
        if most is not None and new_long > most:
            new_short, new_long = int(most * new_short / new_long), most
        new = (new_short, new_long) if width <= height else (new_long, new_short)
    return image.resize(new, FILTERS[resample])


def cropped(samples, crop):
    """As `center_crop` of transformers."""
    if crop is None:
        return samples
    height, width = samples.shape[:2]
    new_height, new_width = max(crop["height"], height), max(crop["width"], width)
    canvas = np.zeros((new_height, new_width) + samples.shape[2:], samples.dtype)
    top, left = math.ceil((new_height - height) / 2), math.ceil((new_width - width) / 2)
    canvas[top : top + height, left : left + width] = samples
    top += (height - crop["height"]) // 2
    left += (width - crop["width"]) // 2
    return canvas[top : top + crop["height"], left : left + crop["width"]]


def values(content, settings):
    color = settings.get("color", "rgb")
    image = decoded(content).convert("L" if color == "grey" else "RGB")
    image = resized(image, settings.get("size"), settings.get("resample", "bilinear"))
    samples = np.asarray(image)
    samples = samples[:, :, None] if samples.ndim == 2 else samples
    samples = cropped(samples, settings.get("crop_size"))
    if color == "bgr":
        samples = samples[:, :, ::-1]
    made = samples
    if "rescale_factor" in settings:
        made = (made.astype(np.float64) * settings["rescale_factor"]).astype(np.float32)
    if "image_mean" in settings:
        mean = np.array(settings["image_mean"], np.float32)
        made = (made.astype(np.float32) - mean) / np.array(settings["image_std"], np.float32)
    if settings.get("layout", "channels_first") == "channels_first":
        samples, made = samples.transpose(2, 0, 1), made.transpose(2, 0, 1)
    return np.ascontiguousarray(samples), np.ascontiguousarray(made.astype("<f4"))


def cases(made):
    mean, deviation = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
    lossless = ["rgb.png", "17x33.png", "palette-clear.png"]
    every = ["420.jpg", "17x33.jpg", "cmyk.jpg", "orientation-6.jpg", "40x1.png"]
    for resample in FILTERS:
        for name in lossless + every:
            yield name, {"size": {"height": 20, "width": 31}, "resample": resample}
            yield name, {"size": {"height": 97, "width": 70}, "resample": resample}
            yield name, {"size": {"height": 43, "width": 9}, "resample": resample}
    for resample in ["nearest", "bilinear", "bicubic", "lanczos"]:
        for name in ["lossy.webp", "lossy-coarse.webp", "lossy-alpha.webp"]:
            yield name, {"size": {"height": 20, "width": 31}, "resample": resample}
            yield name, {"size": {"height": 50, "width": 30}, "resample": resample}
    for name in made:
        yield name, {"size": {"height": 24, "width": 24}}
        yield name, {"size": {"height": 24, "width": 24}, "resample": "bicubic", "color": "grey"}
    for name in ["640x427.jpg", "333x251-progressive.jpg"]:
        for resample in FILTERS:
            yield name, {"size": {"height": 224, "width": 224}, "resample": resample}
            yield name, {"size": {"shortest_edge": 64}, "resample": resample, "color": "grey"}
            yield name, {"size": {"height": 300, "width": 700}, "resample": resample}
            yield name, {"size": {"height": 20, "width": 300}, "resample": resample}
    for name in lossless + ["420.jpg"]:
        yield name, {"size": {"shortest_edge": 30}, "resample": "bicubic", "crop_size": {"height": 28, "width": 28}}
        yield name, {"size": {"shortest_edge": 31, "longest_edge": 33}}
        yield name, {"size": {"shortest_edge": 7}, "resample": "lanczos", "color": "bgr", "layout": "channels_last"}
        yield name, {"crop_size": {"height": 64, "width": 64}}
        yield name, {"crop_size": {"height": 65, "width": 10}, "layout": "channels_last"}
        yield name, {"crop_size": {"height": 10, "width": 70}, "color": "grey"}
        for layout in ["channels_first", "channels_last"]:
            for color in ["rgb", "bgr"]:
                yield name, {
                    "size": {"shortest_edge": 16},
                    "crop_size": {"height": 14, "width": 14},
                    "rescale_factor": 1 / 255,
                    "image_mean": mean,
                    "image_std": deviation,
                    "color": color,
                    "layout": layout,
                }
        yield name, {"size": {"height": 8, "width": 8}, "color": "grey", "rescale_factor": 16 / 255}
        yield name, {"size": {"height": 8, "width": 8}, "image_mean": [127.5], "image_std": [127.5]}


def main():
    shutil.rmtree(HERE / "pictures", ignore_errors=True)
    (HERE / "pictures").mkdir()
    made = pictures()
    lines = []
    for name, content in made.items():
        (HERE / "pictures" / name).write_bytes(content)
    blob = io.BytesIO()
    for name, settings in [(name, {}) for name in made] + list(cases(made)):
        samples, floats = values(made[name], settings)
        line = {"picture": name, "settings": settings, "shape": samples.shape}
        line["samples_hash"] = hashlib.sha256(samples.tobytes()).hexdigest()[:32]
        line["values_hash"] = hashlib.sha256(floats.tobytes()).hexdigest()[:32]
        # What no two decoders agree on to the bit is compared sample by sample.
        if name.endswith(".webp") and not name.startswith(("lossless", "animated", "orientation")):
            if samples.size <= 9000:
                line["samples"] = [blob.tell(), samples.size]
                blob.write(samples.tobytes())
        lines.append(line)
    (HERE / "samples.bin").write_bytes(blob.getvalue())
    text = ",\n".join(json.dumps(line) for line in lines)
    (HERE / "cases.json").write_text(f"[\n{text}\n]\n")


if __name__ == "__main__":
    main()
