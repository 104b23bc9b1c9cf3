"""What the models of the zoo are trained on and asked: made from seeds, the same every time.

Rows that are asked are drawn wider than those of the training, and end with rows at the edges.
"""

from enum import Enum

import numpy as np
import onnx

TRAINED = 240
ASKED = 200


class Edges(Enum):
    """What an estimator takes beyond plain numbers."""

    FINITE = "finite"
    MISSING = "missing"
    ANY = "any"


def numbers(seed: int, count: int, spread: float = 1.0) -> np.ndarray:
    """Six features: two continuous, small integers, quarters, a heavy tail, a flag."""
    random = np.random.default_rng(seed)
    columns = [
        random.normal(0, spread, count),
        random.uniform(-2 * spread, 2 * spread, count),
        random.integers(0, 5, count),
        random.integers(-8, 9, count) / 4,
        random.standard_t(3, count) * spread,
        random.integers(0, 2, count),
    ]
    return np.stack(columns, axis=1).astype(np.float32)


def target(x: np.ndarray) -> np.ndarray:
    """A number that depends on all features, not linearly."""
    x = np.nan_to_num(x)
    return x[:, 0] * 1.5 - x[:, 1] * x[:, 3] + np.sin(x[:, 2]) * 2 + np.tanh(x[:, 4]) + x[:, 5]


def classes(x: np.ndarray, labels: list) -> np.ndarray:
    """The target cut into as many classes of about the same size as there are labels."""
    values = target(x)
    cuts = np.quantile(values, np.linspace(0, 1, len(labels) + 1)[1:-1])
    return np.array(labels)[np.searchsorted(cuts, values)]


def with_gaps(x: np.ndarray, seed: int, share: float = 0.15) -> np.ndarray:
    """Some values are missing."""
    gaps = np.random.default_rng(seed).random(x.shape) < share
    return np.where(gaps, np.nan, x).astype(x.dtype)


def asked(
    model: onnx.ModelProto, edges: Edges, dtype: type = np.float32, large: float = 1e4
) -> np.ndarray:
    """Random rows, then edges: zeros, large and tiny values, ties with thresholds, gaps."""
    random = numbers(7, ASKED, spread=1.5)
    if edges is not Edges.FINITE:
        random[::4] = with_gaps(random[::4], 8)
    special = [0.0, -0.0, 1e-40, large, -large]
    if edges is not Edges.FINITE:
        special.append(np.nan)
    if edges is Edges.ANY:
        special += [np.inf, -np.inf]
    if dtype is np.int64:
        special = [0, 10_000, -10_000, 2**24 + 1, -(2**24) - 1]
    rows = [random.astype(dtype), ties(model, random[:1]).astype(dtype)]
    for value in special:
        row = np.repeat(random[1:2].astype(dtype), random.shape[1] + 1, axis=0)
        np.fill_diagonal(row, value)
        row[-1] = value
        rows.append(row)
    return np.concatenate(rows)


def ties(model: onnx.ModelProto, row: np.ndarray, most: int = 40) -> np.ndarray:
    """Rows with a feature exactly at a threshold of a tree, and next to it on both sides."""
    rows = []
    for node in model.graph.node:
        attributes = {a.name: onnx.helper.get_attribute_value(a) for a in node.attribute}
        features = attributes.get("nodes_featureids", [])
        values = attributes.get("nodes_values", [])
        if "nodes_values_as_tensor" in attributes:
            values = onnx.numpy_helper.to_array(attributes["nodes_values_as_tensor"])
        modes = attributes.get("nodes_modes", [])
        thresholds = [
            (feature, np.float32(value))
            for feature, value, mode in zip(features, values, modes, strict=False)
            if mode != b"LEAF"
        ]
        for feature, value in thresholds[:: max(1, len(thresholds) // most)]:
            for near in (value, np.nextafter(value, np.inf), np.nextafter(value, -np.inf)):
                if feature < row.shape[1]:
                    tie = row.copy()
                    tie[0, feature] = near
                    rows.append(tie)
    return np.concatenate(rows) if rows else row[:0]
