"""Networks on sequences of numbers: recurrent ones, and convolutions along one axis."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from deep.network import Network, normal, prepared, through_both
from deep.rows import MANY_ROWS

FEATURES = 5


def models() -> dict:
    networks = {
        "lstm": lambda: series(Recurrent(nn.LSTM(FEATURES, 12, batch_first=True), 12)),
        "lstm-deep": lambda: series(Recurrent(nn.LSTM(FEATURES, 8, 3, batch_first=True), 8)),
        "lstm-two-ways": lambda: series(
            Recurrent(nn.LSTM(FEATURES, 8, 2, batch_first=True, bidirectional=True), 16)
        ),
        "lstm-last-state": lambda: one(LastState(nn.LSTM(FEATURES, 10))),
        "lstm-states": lambda: states(),
        "gru": lambda: series(Recurrent(nn.GRU(FEATURES, 12, batch_first=True), 12)),
        "gru-two-ways": lambda: series(
            Recurrent(nn.GRU(FEATURES, 8, 1, batch_first=True, bidirectional=True), 16)
        ),
        "rnn": lambda: windows(Recurrent(nn.RNN(FEATURES, 12, batch_first=True), 12)),
        "rnn-relu": lambda: windows(
            Recurrent(nn.RNN(FEATURES, 8, batch_first=True, nonlinearity="relu"), 8)
        ),
        "crnn": lambda: crnn(),
        "tcn": lambda: channels(TemporalConvolution()),
        "wavenet": lambda: channels(WaveNet()),
        "conv-gru": lambda: windows(ConvolutionGRU()),
        "forecaster": lambda: one(Forecaster()),
    }
    return through_both(networks)


def series(module: nn.Module) -> Network:
    """Batches of sequences, both of any length."""
    shapes = [(3, 7), (1, 7), (2, 1), (4, 12), (MANY_ROWS, 9)]
    cases = [{"series": normal(seed, *shape, FEATURES)} for seed, shape in enumerate(shapes)]
    return Network(prepared(module), cases, {"series": {0: "batch", 1: "steps"}})


def windows(module: nn.Module) -> Network:
    """Batches of sequences of one length."""
    cases = [{"series": normal(count, count, 10, FEATURES)} for count in (3, 1, 6, MANY_ROWS)]
    return Network(prepared(module), cases, {"series": {0: "batch"}})


def channels(module: nn.Module) -> Network:
    """The same, features before steps."""
    shapes = [(2, FEATURES, 20), (1, FEATURES, 33), (3, FEATURES, 16), (MANY_ROWS, FEATURES, 18)]
    cases = [{"series": normal(seed, *shape)} for seed, shape in enumerate(shapes)]
    return Network(prepared(module), cases, {"series": {0: "batch", 2: "steps"}})


def one(module: nn.Module) -> Network:
    """What is exported without a word about axes: cases of two rows each, along the second one."""
    cases = [{"series": normal(seed, 6, 2, FEATURES)} for seed in range(1, MANY_ROWS // 2 + 1)]
    return Network(prepared(module), cases)


class Recurrent(nn.Module):
    """Something of every step, and of the last one."""

    def __init__(self, layers: nn.Module, width: int):
        super().__init__()
        self.layers = layers
        self.each = nn.Linear(width, 3)
        self.last = nn.Linear(width, 2)

    def forward(self, series: Tensor) -> tuple[Tensor, Tensor]:
        x, _ = self.layers(series)
        return self.each(x), torch.softmax(self.last(x[:, -1]), -1)


class LastState(nn.Module):
    def __init__(self, layers: nn.Module):
        super().__init__()
        self.layers = layers

    def forward(self, series: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        x, (hidden, cell) = self.layers(series)
        return x, hidden, cell


class States(nn.Module):
    """States come in and go out: how a stream is served step by step."""

    def __init__(self):
        super().__init__()
        self.layers = nn.LSTM(FEATURES, 6, 2, batch_first=True)
        self.head = nn.Linear(6, 1)

    def forward(self, series: Tensor, hidden: Tensor, cell: Tensor) -> tuple:
        x, (hidden, cell) = self.layers(series, (hidden, cell))
        return self.head(x), hidden, cell


def states() -> Network:
    def case(seed: int, batch: int, steps: int) -> dict:
        return {
            "series": normal(seed, batch, steps, FEATURES),
            "hidden": normal(seed + 10, 2, batch, 6).tanh(),
            "cell": normal(seed + 20, 2, batch, 6),
        }

    axes = {"series": {0: "batch"}, "hidden": {1: "batch"}, "cell": {1: "batch"}}
    cases = [case(1, 3, 4), case(2, 1, 4), case(3, 2, 4), case(4, MANY_ROWS, 4)]
    return Network(prepared(States()), cases, axes)


class CRNN(nn.Module):
    """Text on an image: columns of features, read both ways."""

    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(1, 8, 3, padding=1),
            nn.BatchNorm2d(8),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Conv2d(8, 12, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d((2, 1)),
        )
        self.layers = nn.LSTM(12 * 4, 10, bidirectional=True)
        self.head = nn.Linear(20, 8)

    def forward(self, image: Tensor) -> Tensor:
        x = self.body(image).flatten(1, 2).permute(2, 0, 1)
        return F.log_softmax(self.head(self.layers(x)[0]), -1)


def crnn() -> Network:
    shapes = [(2, 1, 16, 32), (1, 1, 16, 50), (3, 1, 16, 20), (MANY_ROWS, 1, 16, 28)]
    cases = [{"image": normal(seed, *shape)} for seed, shape in enumerate(shapes)]
    return Network(prepared(CRNN()), cases, {"image": {0: "batch", 3: "width"}})


class TemporalBlock(nn.Module):
    def __init__(self, inputs: int, outputs: int, dilation: int):
        super().__init__()
        self.reach = 2 * dilation
        layer = nn.Conv1d(inputs, outputs, 3, dilation=dilation)
        self.layer = nn.utils.parametrizations.weight_norm(layer)
        self.shortcut = nn.Conv1d(inputs, outputs, 1)

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.layer(F.pad(x, (self.reach, 0))) + self.shortcut(x))


class TemporalConvolution(nn.Module):
    def __init__(self):
        super().__init__()
        self.blocks = nn.Sequential(*(TemporalBlock(FEATURES if d == 1 else 8, 8, d) for d in (1, 2, 4)))
        self.head = nn.Linear(8, 3)

    def forward(self, series: Tensor) -> Tensor:
        return self.head(self.blocks(series)[:, :, -1])


class WaveNet(nn.Module):
    """Gates, and sums of what was skipped."""

    def __init__(self):
        super().__init__()
        self.first = nn.Conv1d(FEATURES, 8, 1)
        self.gates = nn.ModuleList(nn.Conv1d(8, 16, 2, dilation=d, padding=d) for d in (1, 2, 4))
        self.skips = nn.ModuleList(nn.Conv1d(8, 8, 1) for _ in range(3))
        self.head = nn.Conv1d(8, 4, 1)

    def forward(self, series: Tensor) -> Tensor:
        x, total = self.first(series), 0
        for gate, skip in zip(self.gates, self.skips, strict=True):
            value, opening = gate(x)[:, :, : x.shape[2]].chunk(2, 1)
            inner = skip(torch.tanh(value) * torch.sigmoid(opening))
            total, x = total + inner, x + inner
        return self.head(F.relu(total))


class ConvolutionGRU(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv1d(FEATURES, 8, 5, padding=2),
            nn.BatchNorm1d(8),
            nn.LeakyReLU(0.2),
            nn.MaxPool1d(2),
        )
        self.layers = nn.GRU(8, 6, batch_first=True)
        self.attention = nn.Linear(6, 1)

    def forward(self, series: Tensor) -> Tensor:
        x, _ = self.layers(self.body(series.transpose(1, 2)).transpose(1, 2))
        weights = torch.softmax(self.attention(torch.tanh(x)), 1)
        return (weights * x).sum(1)


class Forecaster(nn.Module):
    """Trend and rest by a moving mean; a deviation taken out and put back."""

    def __init__(self):
        super().__init__()
        self.trend = nn.Linear(6, 4)
        self.rest = nn.Linear(6, 4)

    def forward(self, series: Tensor) -> Tensor:
        x = series.permute(1, 2, 0)
        middle = x.mean(-1, keepdim=True)
        spread = torch.sqrt(x.var(-1, keepdim=True, unbiased=False) + 1e-5)
        x = (x - middle) / spread
        trend = F.avg_pool1d(F.pad(x, (2, 2), mode="replicate"), 5, 1)
        return (self.trend(trend) + self.rest(x - trend)) * spread + middle
