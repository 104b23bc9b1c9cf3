"""Networks of Keras: through its own `export`, and through tf2onnx as people call it."""

import os
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
os.environ["TF_ENABLE_ONEDNN_OPTS"] = "0"

import keras
import numpy as np
import onnx
import tensorflow as tf
import tf2onnx
from keras import layers

from deep.rows import MANY_ROWS
from record import Tensors

WORDS = 40
FEATURES = 5
# What tf2onnx is asked for by those who name one; its own default is 15.
OPSET = 18

Built = tuple[onnx.ModelProto, list[Tensors]]


def models() -> dict:
    """A function for each model that builds and exports it."""
    exporters = {"keras": by_keras, "tf2onnx": by_tf2onnx}
    return {
        f"{name}-{exporter}": partial(build, network, export)
        for name, network in NETWORKS.items()
        for exporter, export in exporters.items()
    }


def build(network: Callable, export: Callable) -> Built:
    keras.backend.clear_session()
    keras.utils.set_random_seed(1)
    model, cases = network()
    prepare(model)
    proto = export(model)
    inputs = [port.name for port in proto.graph.input]
    return proto, [dict(zip(inputs, case, strict=True)) for case in cases]


def by_keras(model: keras.Model) -> onnx.ModelProto:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "model.onnx"
        model.export(file, format="onnx", verbose=False)
        return onnx.load(file)


def by_tf2onnx(model: keras.Model) -> onnx.ModelProto:
    """Its `from_keras` does not know the names of Keras 3: functions are how it is done."""
    signature = [tf.TensorSpec(port.shape, port.dtype, port.name) for port in model.inputs]

    @tf.function(input_signature=signature)
    def function(*inputs):
        return model(inputs[0] if len(inputs) == 1 else list(inputs), training=False)

    return tf2onnx.convert.from_function(function, signature, opset=OPSET)[0]


def prepare(model: keras.Model) -> None:
    """As after a training: no scale is one, no shift is zero."""
    random = np.random.default_rng(1)
    for weight in model.weights:
        if len(weight.shape) == 1:
            middle = 1.0 if weight.name in ("gamma", "moving_variance") else 0.0
            weight.assign(middle + random.uniform(-0.3, 0.3, weight.shape))


def numbers(*shapes: tuple) -> list[list[np.ndarray]]:
    """A case of one input for each shape."""
    random = np.random.default_rng(2)
    return [[random.normal(size=shape).astype(np.float32)] for shape in shapes]


def ids(*shapes: tuple) -> list[list[np.ndarray]]:
    random = np.random.default_rng(3)
    return [[random.integers(0, WORDS, shape).astype(np.int32)] for shape in shapes]


def dense() -> tuple:
    model = keras.Sequential(
        [
            layers.Input((FEATURES,)),
            layers.Dense(16, activation="relu"),
            layers.BatchNormalization(),
            layers.Dropout(0.3),
            layers.Dense(8, activation="elu"),
            layers.Dense(3, activation="softmax"),
        ]
    )
    return called(model, numbers((8, FEATURES), (1, FEATURES), (33, FEATURES), (MANY_ROWS, FEATURES)))


def images() -> tuple:
    model = keras.Sequential(
        [
            layers.Input((20, 20, 3)),
            layers.Rescaling(1 / 2, 0.1),
            layers.Conv2D(8, 3, padding="same", use_bias=False),
            layers.BatchNormalization(),
            layers.ReLU(),
            layers.MaxPooling2D(),
            layers.SeparableConv2D(12, 3, activation="swish"),
            layers.Conv2D(12, 3, strides=2, padding="same", activation="leaky_relu"),
            layers.GlobalAveragePooling2D(),
            layers.Dense(10, activation="softmax"),
        ]
    )
    return called(model, numbers((3, 20, 20, 3), (1, 20, 20, 3), (MANY_ROWS, 20, 20, 3)))


def mobile() -> tuple:
    """Depthwise convolutions, padded on one side only, and a gate for each channel."""
    image = layers.Input((33, 33, 3))
    x = layers.Conv2D(8, 3, 2, padding="same", activation="relu6")(image)
    y = layers.Conv2D(24, 1, use_bias=False)(x)
    y = layers.BatchNormalization()(y)
    y = layers.DepthwiseConv2D(3, 1, padding="same", activation="hard_swish")(y)
    gate = layers.GlobalAveragePooling2D(keepdims=True)(y)
    gate = layers.Conv2D(6, 1, activation="relu")(gate)
    y = layers.Multiply()([y, layers.Conv2D(24, 1, activation="hard_sigmoid")(gate)])
    x = layers.Add()([x, layers.Conv2D(8, 1)(y)])
    x = layers.DepthwiseConv2D(5, 2, padding="same")(layers.ZeroPadding2D(((0, 1), (0, 1)))(x))
    x = layers.Flatten()(layers.AveragePooling2D(3, 2, padding="same")(x))
    model = keras.Model(image, layers.Dense(5)(x))
    return called(model, numbers((2, 33, 33, 3), (1, 33, 33, 3), (MANY_ROWS, 33, 33, 3)))


def u_net() -> tuple:
    image = layers.Input((16, 24, 1))
    first = layers.Conv2D(6, 3, padding="same", activation="relu")(image)
    second = layers.Conv2D(8, 3, padding="same", activation="relu")(layers.MaxPooling2D()(first))
    up = layers.Conv2DTranspose(6, 3, strides=2, padding="same")(second)
    wide = layers.UpSampling2D(interpolation="bilinear")(second)
    x = layers.Concatenate()([first, up, wide, layers.UpSampling2D()(second)])
    model = keras.Model(image, layers.Conv2D(1, 1, activation="sigmoid")(x))
    return called(model, numbers((2, 16, 24, 1), (1, 16, 24, 1), (MANY_ROWS, 16, 24, 1)))


def lstm() -> tuple:
    model = keras.Sequential(
        [
            layers.Input((None, FEATURES)),
            layers.LSTM(8, return_sequences=True),
            layers.LSTM(6),
            layers.Dense(1),
        ]
    )
    return called(model, numbers((3, 7, FEATURES), (1, 12, FEATURES), (2, 1, FEATURES), (MANY_ROWS, 9, FEATURES)))


def lstm_two_ways() -> tuple:
    model = keras.Sequential(
        [
            layers.Input((None,), dtype="int32"),
            layers.Embedding(WORDS, 8),
            layers.Bidirectional(layers.LSTM(6, return_sequences=True)),
            layers.LayerNormalization(),
            layers.Bidirectional(layers.LSTM(4)),
            layers.Dense(1, activation="sigmoid"),
        ]
    )
    return called(model, ids((3, 9), (1, 4), (2, 15), (MANY_ROWS, 8)))


def gru() -> tuple:
    model = keras.Sequential(
        [
            layers.Input((10, FEATURES)),
            layers.Conv1D(8, 3, padding="causal", activation="tanh"),
            layers.BatchNormalization(),
            layers.GRU(6, return_sequences=True),
            layers.TimeDistributed(layers.Dense(2)),
        ]
    )
    return called(model, numbers((3, 10, FEATURES), (1, 10, FEATURES), (MANY_ROWS, 10, FEATURES)))


def text() -> tuple:
    model = keras.Sequential(
        [
            layers.Input((None,), dtype="int32"),
            layers.Embedding(WORDS, 8),
            layers.GlobalAveragePooling1D(),
            layers.Dense(8, activation="silu"),
            layers.Dense(2),
        ]
    )
    return called(model, ids((3, 9), (1, 1), (2, 15), (MANY_ROWS, 8)))


def attention() -> tuple:
    words = layers.Input((12,), dtype="int32")
    x = layers.Embedding(WORDS, 16)(words)
    y = layers.MultiHeadAttention(2, 8)(x, x, use_causal_mask=True)
    x = layers.LayerNormalization()(layers.Add()([x, y]))
    x = layers.Add()([x, layers.Dense(16)(layers.Dense(32, activation="silu")(x))])
    model = keras.Model(words, layers.Dense(WORDS)(x))
    return called(model, ids((3, 12), (1, 12), (MANY_ROWS, 12)))


def columns() -> tuple:
    """Two inputs and two outputs."""
    table, kind = layers.Input((FEATURES,)), layers.Input((1,), dtype="int32")
    x = layers.Flatten()(layers.Embedding(WORDS, 4)(kind))
    x = layers.Concatenate()([table, x])
    x = layers.PReLU()(layers.Dense(12)(x))
    model = keras.Model([table, kind], [layers.Dense(1)(x), layers.Dense(4, activation="softmax")(x)])
    batches = (8, 1, MANY_ROWS)
    tables, kinds = numbers(*((count, FEATURES) for count in batches)), ids(*((count, 1) for count in batches))
    pairs = zip(tables, kinds, strict=True)
    return called(model, [left + right for left, right in pairs])


def autoencoder() -> tuple:
    model = keras.Sequential(
        [
            layers.Input((16, 16, 1)),
            layers.Conv2D(4, 3, strides=2, padding="same", activation="selu"),
            layers.Flatten(),
            layers.Dense(6, activation="tanh"),
            layers.Dense(64, activation="softplus"),
            layers.Reshape((4, 4, 4)),
            layers.Conv2DTranspose(4, 3, strides=2, padding="same", activation="relu"),
            layers.Conv2DTranspose(1, 4, strides=2, padding="same", activation="sigmoid"),
            layers.Cropping2D(1),
        ]
    )
    return called(model, numbers((3, 16, 16, 1), (1, 16, 16, 1), (MANY_ROWS, 16, 16, 1)))


def called(model: keras.Model, cases: list) -> tuple:
    """Keras exports what has run once."""
    model(cases[0][0] if len(cases[0]) == 1 else cases[0])
    return model, cases


NETWORKS = {
    "dense": dense,
    "images": images,
    "mobile": mobile,
    "u-net": u_net,
    "lstm": lstm,
    "lstm-two-ways": lstm_two_ways,
    "gru": gru,
    "text": text,
    "attention": attention,
    "columns": columns,
    "autoencoder": autoencoder,
}
