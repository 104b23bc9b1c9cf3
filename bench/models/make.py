"""Makes the models that the function is measured with: `iris.onnx`, a classifier of flowers by four measurements, as scikit-learn's
exporter writes it, and `image.onnx`, which takes a picture and does next to nothing with it.

Run in this folder with scikit-learn, skl2onnx and onnx installed.
"""

from pathlib import Path

from onnx import TensorProto as T
from onnx import helper as h
from skl2onnx import to_onnx
from skl2onnx.common.data_types import FloatTensorType
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression

HERE = Path(__file__).parent


def iris():
    rows, flowers = load_iris(return_X_y=True)
    model = LogisticRegression(max_iter=1000).fit(rows, flowers)
    inputs = [("x", FloatTensorType([None, 4]))]
    return to_onnx(model, initial_types=inputs, options={"zipmap": False}, target_opset={"": 17, "ai.onnx.ml": 3})


def image():
    """The mean of each channel."""
    node = h.make_node("GlobalAveragePool", ["x"], ["mean"])
    inputs = [h.make_tensor_value_info("x", T.FLOAT, ["n", 3, 224, 224])]
    outputs = [h.make_tensor_value_info("mean", T.FLOAT, ["n", 3, 1, 1])]
    graph = h.make_graph([node], "image", inputs, outputs)
    return h.make_model(graph, opset_imports=[h.make_opsetid("", 17)], ir_version=8)


for made in [iris, image]:
    (HERE / f"{made.__name__}.onnx").write_bytes(made().SerializeToString())
