"""A PyTorch model on its way to ONNX: through the exporter that traces, and through `torch.export`."""

import io
import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial

import onnx
import torch
from torch import Tensor, nn

from record import Tensors

Built = tuple[onnx.ModelProto, list[Tensors]]

# What an exporter itself does not do.
REFUSED = {
    "encoder-layers-torchscript": "the number of words of the trace stays in the file",
    "translator-torchscript": "the number of words of the trace stays in the file",
    "rotary-23-torchscript": "`rms_norm` has no counterpart",
}


@dataclass
class Network:
    """A module, what it is asked, and which axes of its inputs may have any length.

    The first of the cases is what the exporters trace: its free axes are longer than one.
    """

    module: nn.Module
    cases: list[dict[str, Tensor]]
    axes: dict[str, dict[int, str]] = field(default_factory=dict)
    opset: int | None = None

    def names(self) -> list[str]:
        return list(self.cases[0])

    def arrays(self) -> list[Tensors]:
        return [{name: value.numpy() for name, value in case.items()} for case in self.cases]


def through_both(networks: dict[str, Callable[[], Network]]) -> dict[str, Callable[[], Built]]:
    """A function for each file, named after network and exporter, that gives model and cases."""
    torch.set_num_threads(1)
    logging.disable(logging.WARNING)  # The exporters tell of their progress and age.
    return {
        f"{name}-{exporter}": partial(build, network, exporter)
        for name, network in networks.items()
        for exporter in EXPORTERS
        if f"{name}-{exporter}" not in REFUSED
    }


def build(make: Callable[[], Network], exporter: str) -> Built:
    torch.manual_seed(1)
    network = make()
    return EXPORTERS[exporter](network), network.arrays()


def torchscript(network: Network) -> onnx.ModelProto:
    """What `torch.onnx.export` did for years."""
    return exported(network, dynamo=False, dynamic_axes=network.axes)


def dynamo(network: Network) -> onnx.ModelProto:
    """What it does today."""
    shapes = tuple(network.axes.get(name) for name in network.names())
    return exported(network, dynamo=True, dynamic_shapes=shapes, verbose=False)


EXPORTERS: dict[str, Callable[[Network], onnx.ModelProto]] = {
    "torchscript": torchscript,
    "dynamo": dynamo,
}


def exported(network: Network, **how) -> onnx.ModelProto:
    file = io.BytesIO()
    torch.onnx.export(
        network.module,
        tuple(network.cases[0].values()),
        file,
        input_names=network.names(),
        opset_version=network.opset,
        **how,
    )
    return onnx.load_from_string(file.getvalue())


def prepared(module: nn.Module, seed: int = 1) -> nn.Module:
    """The module as after a training: no scale is one, no shift is zero."""
    random = torch.Generator().manual_seed(seed)

    def drawn(values: Tensor, middle: float, spread: float) -> None:
        values.copy_(middle + spread * (2 * torch.rand(values.shape, generator=random) - 1))

    with torch.no_grad():
        for part in module.modules():
            if isinstance(getattr(part, "running_mean", None), Tensor):
                drawn(part.running_mean, 0.0, 0.2)
                drawn(part.running_var, 1.0, 0.4)
            for name, values in part.named_parameters(recurse=False):
                if values.dim() == 1 and name == "weight":
                    drawn(values, 1.0, 0.4)
                elif values.dim() == 1:
                    drawn(values, 0.0, 0.2)
    return module.eval()


def normal(seed: int, *shape: int) -> Tensor:
    return torch.randn(shape, generator=torch.Generator().manual_seed(seed))


def integers(seed: int, end: int, *shape: int, start: int = 0) -> Tensor:
    return torch.randint(start, end, shape, generator=torch.Generator().manual_seed(seed))
