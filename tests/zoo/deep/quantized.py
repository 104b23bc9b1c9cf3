"""Networks in 8-bit integers, as onnxruntime's own tools make them of files of PyTorch's."""

import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import onnx
from onnxruntime.quantization import CalibrationDataReader, QuantFormat, quantize_dynamic, quantize_static

from deep import images, sequences, tables, texts
from deep.network import Built, Network, build
from record import Tensors

NETWORKS = {
    "mlp": lambda: tables.rows(tables.mlp()),
    "resnet": lambda: images.classifier(images.ResNet(), 32),
    "mobilenet-v3": lambda: images.classifier(images.mobilenet_v3(), 48),
    "encoder": lambda: texts.masked(texts.Encoder()),
    "tcn": lambda: sequences.channels(sequences.TemporalConvolution()),
}


def models() -> dict:
    """A function for each model: weights alone in 8 bits, or values on their way too."""
    found = {}
    for name in ("mlp", "resnet", "encoder"):
        found[f"{name}-dynamic"] = partial(dynamic, NETWORKS[name])
    for name in ("mlp", "resnet", "mobilenet-v3", "tcn"):
        found[f"{name}-qdq"] = partial(static, NETWORKS[name], QuantFormat.QDQ)
    found["resnet-qoperator"] = partial(static, NETWORKS["resnet"], QuantFormat.QOperator)
    return found


def dynamic(make: Callable[[], Network]) -> Built:
    model, cases = build(make, "torchscript")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.onnx"
        quantize_dynamic(model, file)
        return onnx.load(file), cases


def static(make: Callable[[], Network], form: QuantFormat) -> Built:
    model, cases = build(make, "torchscript")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.onnx"
        quantize_static(model, file, Given(cases[:-1]), quant_format=form)
        return onnx.load(file), cases


class Given(CalibrationDataReader):
    """The small cases tell the ranges; some rows of the large one are beyond them."""

    def __init__(self, cases: list[Tensors]):
        self.cases: Iterator[Tensors] = iter(cases)

    def get_next(self) -> Tensors | None:
        return next(self.cases, None)
