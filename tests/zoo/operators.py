"""The cases of single operators in the onnx package's backend tests that onnxruntime passes."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import onnx
from onnx.backend.test.case.node import collect_testcases

from record import open_session, write_case


def write(folder: Path) -> None:
    """Writes `OPERATOR/CASE` for each case that onnxruntime passes, with its own answers."""
    found = {case.name: case for case in collect_testcases(None)}
    for name, case in sorted(found.items()):
        whole = found.get(name.split("_expanded")[0], case)
        written = folder / operator(whole.model) / name.removeprefix("test_")
        written.mkdir(parents=True)
        try:
            onnx.save(case.model, written / "model.onnx")
            session = open_session(written / "model.onnx")
            passes = all(is_passed(session, case, *data) for data in case.data_sets)
        except Exception:  # Whatever onnxruntime does not do is no measure.
            passes = False
        if not passes:
            shutil.rmtree(written)
            continue
        for number, (inputs, _) in enumerate(case.data_sets):
            if all(isinstance(value, np.ndarray | np.generic) for value in inputs):
                write_answers(written / f"test_data_set_{number}", session, case.model, inputs)


def operator(model: onnx.ModelProto) -> str:
    """The operator that a case is about, with its domain unless that is the standard one."""
    node = model.graph.node[-1]
    return f"{node.domain}.{node.op_type}" if node.domain else node.op_type


def named(session, inputs: list) -> dict:
    ports = session.get_inputs()
    return {port.name: value for port, value in zip(ports, inputs, strict=True)}


def is_passed(session, case, inputs: list, expected: list) -> bool:
    answers = session.run(None, named(session, inputs))
    pairs = list(zip(answers, expected, strict=True))
    return all(is_close(answer, right, case.rtol, case.atol) for answer, right in flat(pairs))


def flat(pairs: list) -> Iterator[tuple]:
    """Sequences are compared item by item."""
    for answer, right in pairs:
        if isinstance(answer, list):
            yield from flat(list(zip(answer, right, strict=True)))
        else:
            yield answer, right


def is_close(answer: object, right: object, relative: float, absolute: float) -> bool:
    answer, right = np.asarray(answer), np.asarray(right)
    if answer.shape != right.shape or answer.dtype.kind != right.dtype.kind:
        return answer.dtype.kind in "OU" and np.array_equal(answer, right)
    if answer.dtype.kind == "f":
        return np.allclose(answer, right, max(relative, 1e-3), absolute, equal_nan=True)
    return np.array_equal(answer, right)


def write_answers(folder: Path, session, model: onnx.ModelProto, inputs: list) -> None:
    """Cases with sequences or maps have no data set: what is not a tensor cannot be asked."""
    try:
        write_case(folder, session, model, named(session, inputs))
    except ValueError:
        shutil.rmtree(folder)
