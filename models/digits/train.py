"""Makes this folder: trains a small convolutional net, exports it, records what it answers.

    pip install -r ../requirements.txt && python train.py

The same versions on the same kind of processor give the same files.
"""

import base64
import io
import json
import sys
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split
from torch import nn

FOLDER = Path(__file__).resolve().parent
sys.path.insert(0, str(FOLDER.parent))

import record  # noqa: E402

EPOCHS = 60
BATCH_ROWS = 64

# Logits are sums of hundreds of products and reach 20: near zero the absolute bound counts.
TOLERANCE = {"relative": 1e-4, "absolute": 1e-4}


class Digits(nn.Module):
    """Takes images as the data set has them, 8 by 8 pixels of 0 to 16."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Conv2d(1, 8, 3, padding=1),
            nn.ReLU(),
            nn.Conv2d(8, 16, 3, padding=1),
            nn.ReLU(),
            nn.MaxPool2d(2),
            nn.Flatten(),
            nn.Linear(16 * 4 * 4, 10),
        )

    def forward(self, pixels: torch.Tensor) -> torch.Tensor:
        return self.layers(pixels / 16)


def main() -> None:
    torch.manual_seed(0)
    torch.use_deterministic_algorithms(True)
    torch.set_num_threads(1)
    digits = load_digits()
    pixels = digits.images.astype(np.float32)[:, None]
    train_pixels, test_pixels, train_labels, test_labels = train_test_split(
        pixels, digits.target, test_size=0.25, random_state=0, stratify=digits.target
    )
    model = train(torch.from_numpy(train_pixels), torch.from_numpy(train_labels))
    export(model, torch.from_numpy(test_pixels[:2]))
    found = record.run(FOLDER, {"pixels": test_pixels})["logits"].argmax(1)
    print(f"accuracy on {len(found)} unseen digits: {(found == test_labels).mean():.3f}")

    write_example(test_pixels[:2, 0])
    batches = record.batches_of("pixels", test_pixels, (1, 3, 32))
    answers = record.write_expected(FOLDER, "train.py", batches, TOLERANCE)
    seen = np.concatenate([answer["logits"].argmax(1) for answer in answers])
    assert set(seen) == set(digits.target), f"the recorded rows lack a class: {set(seen)}"


def train(pixels: torch.Tensor, labels: torch.Tensor) -> Digits:
    """Trains on shuffled batches; the shuffles follow from the seed."""
    model = Digits()
    optimizer = torch.optim.Adam(model.parameters(), lr=2e-3)
    for _ in range(EPOCHS):
        for batch in torch.randperm(len(pixels)).split(BATCH_ROWS):
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(pixels[batch]), labels[batch]).backward()
            optimizer.step()
    return model.eval()


def export(model: Digits, example: torch.Tensor) -> None:
    """One file that holds its weights, for batches of any size."""
    program = torch.onnx.export(
        model,
        (example,),
        input_names=["pixels"],
        output_names=["logits"],
        dynamic_shapes={"pixels": {0: "batch"}},
    )
    exported = program.model_proto
    for node in exported.graph.node:
        # The exporter notes the source line of every node, with the folders of whoever ran it.
        kept = [note for note in node.metadata_props if not note.key.endswith("stack_trace")]
        del node.metadata_props[:]
        node.metadata_props.extend(kept)
    (FOLDER / "model.onnx").write_bytes(exported.SerializeToString())


def write_example(pixels: np.ndarray) -> None:
    """The first test images as pictures, black on white."""

    def encoded(image: np.ndarray) -> str:
        file = io.BytesIO()
        Image.fromarray(np.round(255 - 255 / 16 * image).astype(np.uint8)).save(file, "PNG")
        return base64.b64encode(file.getvalue()).decode()

    lines = ",\n".join(f"    {json.dumps({'b64': encoded(image)})}" for image in pixels)
    (FOLDER / "example.json").write_text(f'{{\n  "instances": [\n{lines}\n  ]\n}}\n')


if __name__ == "__main__":
    main()
