"""Records what transformers makes of texts with the tokenizers of this folder, by the `tokenizer_config.json` beside each.

    pip install --no-deps -r ../image/processors.txt
    python pretrained.py

Writes `pretrained.json`: family, file, and the tokens and mask of one batch, padded to its longest text and cut where the
file says so.
"""

import json
import shutil
import tempfile
from pathlib import Path

from transformers import PreTrainedTokenizerFast

HERE = Path(__file__).parent
FAMILIES = {
    "bert": "[PAD]",
    "bert-cased": "[PAD]",
    "llama": "</s>",
    "llama3": "<pad>",
    "roberta": "<pad>",
    "unigram": "<pad>",
    "word-level": "[PAD]",
}
FILES = [
    {},
    {"padding_side": "left"},
    {"model_max_length": 8},
    {"model_max_length": 8, "truncation_side": "left"},
    {"model_max_length": 6, "truncation_side": "left", "padding_side": "left"},
    {"model_max_length": 1000000000000000019884624838656},
]
TEXTS = ["The train was late.", "", "Zwölf Boxkämpfer jagen Viktor quer über den großen Sylter Deich", "火车晚点了 👍"]


def recorded(family, said):
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(HERE / f"{family}.json", f"{folder}/tokenizer.json")
        config = {"tokenizer_class": "PreTrainedTokenizerFast", **said}
        Path(folder, "tokenizer_config.json").write_text(json.dumps(config))
        tokenizer = PreTrainedTokenizerFast.from_pretrained(folder)
        is_cut = "model_max_length" in said and said["model_max_length"] < 1_000_000
        batch = tokenizer(TEXTS, padding=True, truncation=is_cut)
    return {"family": family, "config": config, "ids": batch["input_ids"], "mask": batch["attention_mask"]}


def main():
    cases = []
    for family, pad in FAMILIES.items():
        token = {"__type": "AddedToken", "content": pad, "lstrip": False, "normalized": False, "rstrip": False, "single_word": False, "special": True}
        for said in [*({"pad_token": pad, **file} for file in FILES), {"pad_token": token}]:
            cases.append(recorded(family, said))
    lines = ",\n".join(json.dumps(case) for case in cases)
    texts = json.dumps(TEXTS, ensure_ascii=False)
    (HERE / "pretrained.json").write_text(f'{{"texts": {texts}, "cases": [\n{lines}\n]}}\n')


if __name__ == "__main__":
    main()
