"""Texts to tokens, tokens to one vector and a picture to a tensor, as Python does it: `steps.py FOLDER`.

Makes `picture.jpg` in the folder and reads `tokenizer.json` and `texts.json` from it. Answers each line, the name of a
job, with the nanoseconds that it took and a number to compare the results by.
"""

import json
import sys
import time
from pathlib import Path

import numpy as np
from PIL import Image
from tokenizers import Tokenizer

FOLDER = Path(sys.argv[1])
MEAN = np.array([0.485, 0.456, 0.406], np.float32)
DEVIATION = np.array([0.229, 0.224, 0.225], np.float32)
WIDTH = 384


def make_picture() -> None:
    """1920 by 1080: large shapes, finer ones upon them, and the grain of a sensor."""
    draw = np.random.default_rng(3)

    def layer(edge: int) -> np.ndarray:
        small = draw.integers(0, 256, (1080 // edge + 2, 1920 // edge + 2, 3), dtype=np.uint8)
        large = Image.fromarray(small).resize((1920 + 2 * edge, 1080 + 2 * edge), Image.Resampling.BICUBIC)
        return np.asarray(large, np.float32)[edge : edge + 1080, edge : edge + 1920]

    picture = 0.6 * layer(240) + 0.25 * layer(40) + 0.1 * layer(8) + draw.normal(6, 4, (1080, 1920, 3))
    Image.fromarray(picture.clip(0, 255).astype(np.uint8)).save(FOLDER / "picture.jpg", quality=85)


def picture() -> float:
    image = Image.open(FOLDER / "picture.jpg").convert("RGB")
    pixels = np.asarray(image.resize((224, 224), Image.Resampling.BILINEAR), np.float32)
    tensor = ((pixels / np.float32(255) - MEAN) / DEVIATION).transpose(2, 0, 1)[None]
    return float(np.ascontiguousarray(tensor).sum(dtype=np.float64))


def tokens(texts: list[str]) -> float:
    rows = TOKENIZER.encode_batch(texts)
    ids = np.array([row.ids for row in rows], np.int64)
    mask = np.array([row.attention_mask for row in rows], np.int64)
    return float((ids * mask).sum() + mask.sum())


def pooling(rows: int, length: int) -> float:
    hidden, mask = HIDDEN[:rows, :length], MASK[:rows, :length]
    weights = mask[:, :, None].astype(np.float32)
    mean = (hidden * weights).sum(1) / np.clip(weights.sum(1), 1e-9, None)
    vectors = mean / np.linalg.norm(mean, axis=1, keepdims=True)
    return float(np.abs(vectors).sum(dtype=np.float64))


def hidden() -> np.ndarray:
    """Numbers that are easily made again elsewhere."""
    places = np.arange(64 * 256 * WIDTH, dtype=np.int64)
    return ((places * 37 % 1009) / np.float32(1009) - np.float32(0.5)).astype(np.float32).reshape(64, 256, WIDTH)


make_picture()
TOKENIZER = Tokenizer.from_file(str(FOLDER / "tokenizer.json"))
TOKENIZER.enable_truncation(256)
TOKENIZER.enable_padding(pad_to_multiple_of=16)
TEXTS = json.loads((FOLDER / "texts.json").read_text())
HIDDEN = hidden()
# Every row is a token shorter than the one before it.
MASK = (np.arange(256)[None, :] < 256 - np.arange(64)[:, None] % 32).astype(np.int64)
JOBS = {
    "picture": picture,
    "few words": lambda: tokens(TEXTS["few words"]),
    "many words": lambda: tokens(TEXTS["many words"]),
    "pooling": lambda: pooling(64, 256),
}
for line in sys.stdin:
    job = JOBS[line.strip()]
    started = time.perf_counter_ns()
    result = job()
    print(time.perf_counter_ns() - started, repr(result), flush=True)
