"""Writes and checks the `expected.json` of a model folder: what onnxruntime answers.

The model function compares its own answers with this file before it serves a model.
As a command: `record.py FOLDER` checks the file, `record.py FOLDER BODY.json ...` writes it
from request bodies of the Open Inference Protocol (`{"inputs": [{"name", "shape", ...}]}`).
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np
import onnxruntime

Tensors = dict[str, np.ndarray]

# Wide enough for another order of summation in 32-bit floats, far too narrow for another model.
TOLERANCE = {"relative": 1e-5, "absolute": 1e-6}

DTYPES = {
    "BOOL": np.bool_,
    "INT8": np.int8,
    "INT16": np.int16,
    "INT32": np.int32,
    "INT64": np.int64,
    "UINT8": np.uint8,
    "UINT16": np.uint16,
    "UINT32": np.uint32,
    "UINT64": np.uint64,
    "FP16": np.float16,
    "FP32": np.float32,
    "FP64": np.float64,
    "BYTES": np.object_,
}
DATATYPES = {np.dtype(dtype): name for name, dtype in DTYPES.items()}


def write_expected(
    folder: Path, script: str, batches: list[Tensors], tolerance: dict[str, float] = TOLERANCE
) -> list[Tensors]:
    """Writes `expected.json` with one case a batch; returns what onnxruntime answered."""
    answers = [run(folder, batch) for batch in batches]
    runtime = f"onnxruntime {onnxruntime.__version__}"
    header = {"runtime": runtime, "script": script, "tolerance": tolerance}
    cases = [
        {"inputs": to_v2(batch), "outputs": to_v2(answer)}
        for batch, answer in zip(batches, answers, strict=True)
    ]
    # One case a line: short enough to diff, and not one number a line.
    head = json.dumps(header, indent=2).removesuffix("\n}")
    body = ",\n".join(f"    {json.dumps(case)}" for case in cases)
    (folder / "expected.json").write_text(f'{head},\n  "cases": [\n{body}\n  ]\n}}\n')
    return answers


def check(folder: Path) -> list[str]:
    """Runs every recorded case again and names each output that differs."""
    expected = json.loads((folder / "expected.json").read_text())
    tolerance = expected["tolerance"]
    problems = []
    for number, case in enumerate(expected["cases"]):
        answer = run(folder, from_v2(case["inputs"]))
        recorded = from_v2(case["outputs"])
        if recorded.keys() != answer.keys():
            problems.append(f"case {number}: outputs {sorted(answer)}, recorded {sorted(recorded)}")
            continue
        problems += [
            f"case {number}: `{name}` differs"
            for name, values in recorded.items()
            if not close(answer[name], values, tolerance)
        ]
    return problems


def run(folder: Path, inputs: Tensors) -> Tensors:
    """One call of onnxruntime, all outputs by name."""
    session = onnxruntime.InferenceSession(
        folder / "model.onnx", providers=["CPUExecutionProvider"]
    )
    names = [output.name for output in session.get_outputs()]
    answer = dict(zip(names, session.run(names, inputs), strict=True))
    for name, values in answer.items():
        if not isinstance(values, np.ndarray):
            sys.exit(
                f"output `{name}` is a map or a sequence: export it as a tensor (`zipmap=False`)"
            )
    return answer


def close(found: np.ndarray, recorded: np.ndarray, tolerance: dict[str, float]) -> bool:
    """Floats within the tolerance, everything else equal."""
    if found.shape != recorded.shape or found.dtype != recorded.dtype:
        return False
    if not np.issubdtype(found.dtype, np.floating):
        return np.array_equal(found, recorded)
    return np.allclose(
        found, recorded, tolerance["relative"], tolerance["absolute"], equal_nan=True
    )


def write_example(folder: Path, rows: np.ndarray) -> None:
    """Writes `example.json`, a body for `POST /predict/NAME`, one row a line."""
    lines = ",\n".join(f"    {json.dumps(nested(row))}" for row in rows)
    (folder / "example.json").write_text(f'{{\n  "instances": [\n{lines}\n  ]\n}}\n')


def batches_of(name: str, rows: np.ndarray, sizes: tuple[int, ...]) -> list[Tensors]:
    """Cuts the first rows into batches of these sizes."""
    ends = np.cumsum(sizes)
    return [{name: rows[end - size : end]} for size, end in zip(sizes, ends, strict=True)]


def to_v2(tensors: Tensors) -> list[dict]:
    """The tensors of an Open Inference Protocol body."""
    return [
        {
            "name": name,
            "shape": list(array.shape),
            "datatype": DATATYPES[array.dtype],
            "data": nested(array.ravel()),
        }
        for name, array in tensors.items()
    ]


def from_v2(tensors: list[dict]) -> Tensors:
    """The reverse of `to_v2`."""
    return {
        tensor["name"]: np.array(tensor["data"], DTYPES[tensor["datatype"]]).reshape(
            tensor["shape"]
        )
        for tensor in tensors
    }


def nested(array: np.ndarray) -> list:
    """JSON lists, in the fewest digits that read back as the same floats."""
    if np.issubdtype(array.dtype, np.floating):
        return array.astype(str).astype(np.float64).tolist()
    return array.tolist()


def main() -> None:
    parser = argparse.ArgumentParser(description="Checks or writes `expected.json`.")
    parser.add_argument("folder", type=Path)
    parser.add_argument(
        "body", type=Path, nargs="*", help="record these request bodies instead of checking"
    )
    arguments = parser.parse_args()
    if arguments.body:
        batches = [from_v2(json.loads(body.read_text())["inputs"]) for body in arguments.body]
        write_expected(arguments.folder, "record.py", batches)
    if problems := check(arguments.folder):
        sys.exit("\n".join(problems))
    print(f"{arguments.folder}: onnxruntime {onnxruntime.__version__} answers as recorded")


if __name__ == "__main__":
    main()
