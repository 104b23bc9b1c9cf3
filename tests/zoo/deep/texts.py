"""Transformers on ids of words, with masks, caches and positions as they are written today."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from deep.network import Network, integers, normal, prepared, through_both
from deep.rows import MANY_ROWS

WORDS = 50
WIDTH = 16
HEADS = 4


def models() -> dict:
    networks = {
        "encoder": lambda: masked(Encoder()),
        "encoder-layers": lambda: masked(EncoderLayers()),
        "encoder-23": lambda: masked(Encoder(square=True), opset=23),
        "decoder": lambda: plain(Decoder()),
        "decoder-23": lambda: plain(Decoder(), opset=23),
        "decoder-cached": lambda: cached(),
        "rotary": lambda: plain(Rotary(RootMeanSquare)),
        "rotary-23": lambda: plain(Rotary(nn.RMSNorm), opset=23),
        # Where a mask asks for gradients, PyTorch cannot export what attention makes of it.
        "relative": lambda: plain(Relative().requires_grad_(False)),
        "translator": lambda: translator(),
        "text-bag": lambda: plain(TextBag()),
        "text-convolution": lambda: plain(TextConvolution(), shortest=5),
        "text-lstm": lambda: masked(TextLSTM()),
    }
    return through_both(networks)


def plain(module: nn.Module, opset: int | None = None, shortest: int = 1) -> Network:
    """Ids alone, as many as there are."""
    shapes = [(2, 7), (1, shortest), (3, 12), (1, 20), (MANY_ROWS, 9)]
    cases = [{"ids": integers(seed, WORDS, *shape)} for seed, shape in enumerate(shapes)]
    return Network(prepared(module), cases, {"ids": {0: "batch", 1: "words"}}, opset)


def masked(module: nn.Module, opset: int | None = None) -> Network:
    """Ids filled up to the longest of the batch, and where they are."""

    def case(*lengths: int) -> dict:
        ids = integers(sum(lengths), WORDS, len(lengths), max(lengths), start=1)
        mask = torch.arange(max(lengths)) < torch.tensor(lengths).unsqueeze(1)
        return {"ids": ids * mask, "mask": mask.long()}

    axes = {name: {0: "batch", 1: "words"} for name in ("ids", "mask")}
    many = integers(MANY_ROWS, 13, MANY_ROWS, start=1).tolist()
    cases = [case(7, 4), case(1), case(3, 12, 9), case(18), case(*many)]
    return Network(prepared(module), cases, axes, opset)


class Block(nn.Module):
    """Attention and a perceptron, each behind a norm."""

    def __init__(self, causal: bool = False):
        super().__init__()
        self.norms = nn.ModuleList(nn.LayerNorm(WIDTH) for _ in range(2))
        self.three = nn.Linear(WIDTH, 3 * WIDTH)
        self.out = nn.Linear(WIDTH, WIDTH)
        self.inner = nn.Sequential(nn.Linear(WIDTH, 4 * WIDTH), nn.GELU(), nn.Linear(4 * WIDTH, WIDTH))
        self.causal = causal

    def forward(self, x: Tensor, mask: Tensor | None = None) -> Tensor:
        query, key, value = (heads(part) for part in self.three(self.norms[0](x)).chunk(3, -1))
        x = x + self.out(merged(attention(query, key, value, mask, self.causal)))
        return x + self.inner(self.norms[1](x))


def attention(query: Tensor, key: Tensor, value: Tensor, mask: Tensor | None, causal: bool) -> Tensor:
    return F.scaled_dot_product_attention(query, key, value, attn_mask=mask, is_causal=causal)


def heads(x: Tensor) -> Tensor:
    return x.view(x.shape[0], x.shape[1], HEADS, -1).transpose(1, 2)


def merged(x: Tensor) -> Tensor:
    return x.transpose(1, 2).flatten(2)


class Words(nn.Module):
    """Words and their places."""

    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(WORDS, WIDTH)
        self.places = nn.Embedding(32, WIDTH)

    def forward(self, ids: Tensor) -> Tensor:
        return self.words(ids) + self.places(torch.arange(ids.shape[1]))


class Encoder(nn.Module):
    """A sentence as a vector: the mean of its words, of length one."""

    def __init__(self, square: bool = False):
        super().__init__()
        self.square = square  # onnxruntime's `Attention` wants masks as long as the queries.
        self.words = Words()
        self.blocks = nn.ModuleList(Block() for _ in range(2))

    def forward(self, ids: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        x = self.words(ids)
        seen = mask[:, None, None, :] > 0
        if self.square:
            seen = seen.expand(-1, 1, ids.shape[1], -1)
        for block in self.blocks:
            x = block(x, seen)
        weights = mask.unsqueeze(-1).to(x.dtype)
        mean = (x * weights).sum(1) / weights.sum(1).clamp(min=1e-9)
        return x, F.normalize(mean, dim=-1)


class EncoderLayers(nn.Module):
    """PyTorch's own layers."""

    def __init__(self):
        super().__init__()
        self.words = Words()
        layer = nn.TransformerEncoderLayer(WIDTH, HEADS, 32, batch_first=True, activation="gelu")
        self.layers = nn.TransformerEncoder(layer, 2, enable_nested_tensor=False)
        self.head = nn.Linear(WIDTH, 3)

    def forward(self, ids: Tensor, mask: Tensor) -> Tensor:
        x = self.layers(self.words(ids), src_key_padding_mask=mask == 0)
        return self.head(x[:, 0])


class Decoder(nn.Module):
    """The next word for each word, by those before it."""

    def __init__(self):
        super().__init__()
        self.words = Words()
        self.blocks = nn.ModuleList(Block(causal=True) for _ in range(2))
        self.norm = nn.LayerNorm(WIDTH)

    def forward(self, ids: Tensor) -> Tensor:
        x = self.words(ids)
        for block in self.blocks:
            x = block(x)
        return F.linear(self.norm(x), self.words.words.weight)


class CachedDecoder(nn.Module):
    """One layer that takes keys and values of earlier words, and gives them back longer."""

    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(WORDS, WIDTH)
        self.three = nn.Linear(WIDTH, 3 * WIDTH)
        self.head = nn.Linear(WIDTH, WORDS)

    def forward(self, ids: Tensor, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x = self.words(ids)
        query, key, value = (heads(part) for part in self.three(x).chunk(3, -1))
        keys, values = torch.cat([keys, key], 2), torch.cat([values, value], 2)
        places = torch.arange(keys.shape[2])
        mask = places <= places[keys.shape[2] - ids.shape[1] :].unsqueeze(1)
        scores = query @ keys.transpose(-1, -2) / math.sqrt(query.shape[-1])
        scores = scores.masked_fill(~mask, float("-inf"))
        x = x + merged(torch.softmax(scores, -1) @ values)
        return self.head(x), keys, values


def cached() -> Network:
    def case(seed: int, batch: int, before: int, words: int) -> dict:
        shape = (batch, HEADS, before, WIDTH // HEADS)
        return {
            "ids": integers(seed, WORDS, batch, words),
            "keys": normal(seed, *shape),
            "values": normal(seed + 1, *shape),
        }

    axes = {"ids": {0: "batch", 1: "words"}, "keys": {0: "batch", 2: "before"}}
    axes["values"] = axes["keys"]
    cases = [case(1, 2, 5, 3), case(2, 1, 9, 1), case(3, 3, 2, 6), case(4, MANY_ROWS, 7, 2)]
    return Network(prepared(CachedDecoder()), cases, axes)


class Rotary(nn.Module):
    """Turned queries and keys, fewer keys than queries, root mean square norms, gated perceptrons."""

    def __init__(self, norm: type[nn.Module]):
        super().__init__()
        self.words = nn.Embedding(WORDS, WIDTH)
        self.norms = nn.ModuleList(norm(WIDTH) for _ in range(3))
        self.query = nn.Linear(WIDTH, WIDTH, bias=False)
        self.pair = nn.Linear(WIDTH, WIDTH, bias=False)
        self.out = nn.Linear(WIDTH, WIDTH, bias=False)
        self.gate = nn.Linear(WIDTH, 64, bias=False)
        self.down = nn.Linear(32, WIDTH, bias=False)
        self.register_buffer("turns", 10000 ** -(torch.arange(0, 4, 2) / 4))

    def forward(self, ids: Tensor) -> Tensor:
        x = self.words(ids)
        inner = self.norms[0](x)
        angles = torch.arange(ids.shape[1]).unsqueeze(1) * self.turns
        angles = torch.cat([angles, angles], -1)
        key, value = self.pair(inner).view(*ids.shape, 2, 2, 4).unbind(2)
        query = turned(heads(self.query(inner)), angles)
        key, value = turned(key.transpose(1, 2), angles), value.transpose(1, 2)
        key, value = key.repeat_interleave(2, 1), value.repeat_interleave(2, 1)
        x = x + self.out(merged(attention(query, key, value, None, True)))
        gate, up = self.gate(self.norms[1](x)).chunk(2, -1)
        x = x + self.down(F.silu(gate) * up)
        return self.norms[2](x) @ self.words.weight.T


class RootMeanSquare(nn.Module):
    """As it was written before PyTorch had one."""

    def __init__(self, width: int):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        return self.weight * (x * torch.rsqrt(x.pow(2).mean(-1, keepdim=True) + 1e-6))


def turned(x: Tensor, angles: Tensor) -> Tensor:
    left, right = x.chunk(2, -1)
    return x * angles.cos() + torch.cat([-right, left], -1) * angles.sin()


class Relative(nn.Module):
    """A bias for each distance of two words, in buckets that widen."""

    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(WORDS, WIDTH)
        self.bias = nn.Embedding(12, HEADS)
        self.block = Block()

    def forward(self, ids: Tensor) -> Tensor:
        places = torch.arange(ids.shape[1])
        distance = places[None, :] - places[:, None]
        far = distance.abs()
        large = 3 + (torch.log(far.float().clamp(min=1) / 3) / math.log(32 / 3) * 3).long()
        bucket = torch.where(far < 3, far, large.clamp(max=5)) + (distance > 0) * 6
        bias = self.bias(bucket).permute(2, 0, 1).unsqueeze(0)
        return self.block(self.words(ids), bias).mean(1)


class Translator(nn.Module):
    """PyTorch's encoder and decoder, one reading the other."""

    def __init__(self):
        super().__init__()
        self.words = Words()
        self.layers = nn.Transformer(WIDTH, HEADS, 1, 1, 32, batch_first=True)
        self.head = nn.Linear(WIDTH, WORDS)

    def forward(self, source: Tensor, target: Tensor) -> Tensor:
        length = target.shape[1]
        mask = torch.full((length, length), float("-inf")).triu(1)
        return self.head(self.layers(self.words(source), self.words(target), tgt_mask=mask, tgt_is_causal=True))


def translator() -> Network:
    cases = [
        {"source": integers(source, WORDS, batch, source), "target": integers(target, WORDS, batch, target)}
        for batch, source, target in ((2, 6, 4), (1, 9, 2), (3, 3, 11), (MANY_ROWS, 8, 5))
    ]
    axes = {"source": {0: "batch", 1: "read"}, "target": {0: "batch", 1: "written"}}
    return Network(prepared(Translator()), cases, axes)


class TextBag(nn.Module):
    """Words that count, and how often: the id 0 fills up."""

    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(WORDS, WIDTH, padding_idx=0)
        self.head = nn.Linear(WIDTH, 3)

    def forward(self, ids: Tensor) -> tuple[Tensor, Tensor]:
        count = (ids != 0).sum(1, keepdim=True)
        return self.head(self.words(ids).sum(1) / count.clamp(min=1)), count.squeeze(1)


class TextConvolution(nn.Module):
    """Windows of two, three and four words."""

    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(WORDS, WIDTH)
        self.windows = nn.ModuleList(nn.Conv1d(WIDTH, 6, size) for size in (2, 3, 4))
        self.head = nn.Linear(18, 2)

    def forward(self, ids: Tensor) -> Tensor:
        x = self.words(ids).transpose(1, 2)
        largest = [F.relu(window(x)).amax(-1) for window in self.windows]
        return torch.softmax(self.head(torch.cat(largest, 1)), -1)


class TextLSTM(nn.Module):
    """Tags of words; the state of the last one that counts."""

    def __init__(self):
        super().__init__()
        self.words = nn.Embedding(WORDS, WIDTH)
        self.layers = nn.LSTM(WIDTH, 10, batch_first=True)
        self.tags = nn.Linear(10, 5)

    def forward(self, ids: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        x, _ = self.layers(self.words(ids))
        last = (mask.sum(1) - 1).view(-1, 1, 1).expand(-1, 1, 10)
        return self.tags(x).argmax(-1), x.gather(1, last).squeeze(1)
