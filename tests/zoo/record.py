"""Writes a model and what onnxruntime answers, in the layout of the onnx package's backend tests.

`NAME/model.onnx`, `NAME/test_data_set_N/input_M.pb` and `output_M.pb`: tensors as ONNX writes
them hold NaN, infinities, text and 64-bit integers exactly, and a reader of ONNX files reads them.
"""

import locale
import os
import shutil
import tempfile
from pathlib import Path

import numpy as np
import onnx
import onnxruntime

Tensors = dict[str, np.ndarray]

# Besides all rows at once: as many single rows, spread over them, the last one included.
SINGLE_ROWS = 3


def record(folder: Path, model: onnx.ModelProto, inputs: Tensors) -> None:
    """Writes the model, and its answers for all rows at once and for some alone."""
    rows = len(next(iter(inputs.values())))
    places = np.linspace(0, rows - 1, SINGLE_ROWS).astype(int)
    batches = [slice(0, rows), *(slice(place, place + 1) for place in places)]
    cases = [{name: values[batch] for name, values in inputs.items()} for batch in batches]
    record_cases(folder, model, cases)


def record_cases(folder: Path, model: onnx.ModelProto, cases: list[Tensors]) -> None:
    """Writes the model, and its answers for each case."""
    folder.mkdir(parents=True)
    model = without_chance(model)
    onnx.save(model, folder / "model.onnx")
    session = open_session(folder / "model.onnx")
    for number, case in enumerate(cases):
        write_case(folder / f"test_data_set_{number}", session, model, case)


def provide_locale() -> None:
    """`StringNormalizer` asks for `en_US.UTF-8`, which small machines lack.

    `C.UTF-8` has the same letters, so it serves under that name.
    """
    try:
        locale.setlocale(locale.LC_CTYPE, "en_US.UTF-8")
    except locale.Error:
        folder = Path(tempfile.mkdtemp())
        shutil.copytree("/usr/lib/locale/C.utf8", folder / "en_US.UTF-8")
        os.environ["LOCPATH"] = str(folder)


def without_chance(model: onnx.ModelProto) -> onnx.ModelProto:
    """Names drawn at random and times of the training go, so that files come out the same.

    So do places in files of Python, which exporters of networks write beside each node.
    """
    copy = onnx.ModelProto()
    copy.CopyFrom(model)
    copy.graph.name = "zoo"
    copy.doc_string = ""
    del copy.metadata_props[:]
    for part in (copy.graph, *copy.functions):
        without_places(part)
    return copy


def without_places(part: onnx.GraphProto | onnx.FunctionProto) -> None:
    """Takes away what is written beside nodes and values, in inner graphs too."""
    values = [*part.value_info]
    if isinstance(part, onnx.GraphProto):
        values += [*part.input, *part.output, *part.initializer]
    for described in (part, *part.node, *values):
        del described.metadata_props[:]
    for node in part.node:
        for attribute in node.attribute:
            if attribute.HasField("g"):
                without_places(attribute.g)


def open_session(file: Path) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4  # What fails is raised as well.
    return onnxruntime.InferenceSession(file, options, providers=["CPUExecutionProvider"])


def write_case(
    folder: Path, session: onnxruntime.InferenceSession, model: onnx.ModelProto, case: Tensors
) -> None:
    folder.mkdir()
    names = [port.name for port in session.get_inputs()]
    outputs = [port.name for port in session.get_outputs()]
    answers = session.run(outputs, case)
    for place, name in enumerate(names):
        write_tensor(folder / f"input_{place}.pb", name, case[name])
    for place, (name, answer) in enumerate(zip(outputs, answers, strict=True)):
        write_tensor(folder / f"output_{place}.pb", name, as_tensor(model, name, answer))


def as_tensor(model: onnx.ModelProto, name: str, answer: object) -> np.ndarray:
    """A tensor as it is; what `ZipMap` made, as the columns it was made of."""
    if isinstance(answer, np.ndarray):
        return answer
    keys = class_labels(model, name)
    return np.array([[row[key] for key in keys] for row in answer], np.float32)


def class_labels(model: onnx.ModelProto, output: str) -> list:
    """The keys of the maps of an output, in the order of the columns."""
    [node] = [node for node in model.graph.node if output in node.output]
    if node.op_type != "ZipMap":
        raise ValueError(f"output `{output}` is neither a tensor nor made by `ZipMap`")
    [attribute] = [a for a in node.attribute if a.name.startswith("classlabels_")]
    keys = onnx.helper.get_attribute_value(attribute)
    return [key.decode() if isinstance(key, bytes) else key for key in keys]


def write_tensor(file: Path, name: str, values: np.ndarray) -> None:
    if values.dtype.kind in "OU":
        values = values.astype(object)
    file.write_bytes(onnx.numpy_helper.from_array(values, name).SerializeToString())
