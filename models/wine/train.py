"""Makes this folder: trains a classifier of wines, exports it and records what it answers.

    pip install -r ../requirements.txt && python train.py

The same versions give the same files.
"""

import sys
from pathlib import Path

import numpy as np
from skl2onnx import to_onnx
from sklearn.datasets import load_wine
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

FOLDER = Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER.parent))

import record  # noqa: E402


def main() -> None:
    wine = load_wine()
    train_rows, test_rows, train_labels, test_labels = train_test_split(
        wine.data, wine.target, test_size=0.25, random_state=0, stratify=wine.target
    )
    model = make_pipeline(StandardScaler(), LogisticRegression()).fit(train_rows, train_labels)

    test_rows = test_rows.astype(np.float32)
    # All defaults but one: ZipMap would make every row of probabilities a map, which tract lacks.
    exported = to_onnx(model, test_rows[:1], options={"zipmap": False})
    (FOLDER / "model.onnx").write_bytes(exported.SerializeToString())

    found = record.run(FOLDER, {"X": test_rows})["label"]
    print(f"accuracy on {len(found)} unseen wines: {(found == test_labels).mean():.3f}")

    record.write_example(FOLDER, test_rows[:3])
    answers = record.write_expected(
        FOLDER, "train.py", record.batches_of("X", test_rows, (1, 4, 16))
    )
    seen = np.concatenate([answer["label"] for answer in answers])
    assert set(seen) == set(wine.target), f"the recorded rows lack a class: {set(seen)}"


if __name__ == "__main__":
    main()
