"""Records what transformers' image processors make of pictures, beside the `preprocessor_config.json` that each would save.

    pip install --no-deps -r processors.txt
    python processors.py

Writes `processors.json`. Of each tensor the shape is recorded, and its values at places that lie evenly over it. The
processors are those that compute with Pillow and numpy: PyTorch is not needed.
"""

import importlib
import json
import pathlib

import numpy as np
from PIL import Image

HERE = pathlib.Path(__file__).parent
# One that lies, one that stands and is smaller than every tensor.
PICTURES = ["333x251-progressive.jpg", "17x33.png"]
PLACES = 5
MEAN, DEVIATION = [0.485, 0.456, 0.406], [0.229, 0.224, 0.225]
HALF = [0.5, 0.5, 0.5]

# Kind, its module, and what files of models say: nothing is the kind's own, `size` as a number is how older files say it.
KINDS = [
    ("ViT", "vit", [{}, {"size": 224, "image_mean": HALF, "image_std": HALF}, {"resample": 0}, {"do_normalize": False}, {"do_rescale": False}]),
    ("DeiT", "deit", [{}, {"size": 256, "crop_size": 224, "resample": 3}]),
    ("Beit", "beit", [{}, {"size": 256, "crop_size": 224, "do_center_crop": True, "resample": 2}]),
    ("Bit", "bit", [{}, {"size": 256, "crop_size": 224}, {"size": {"shortest_edge": 256}, "crop_size": {"height": 200, "width": 180}}]),
    ("CLIP", "clip", [{}, {"size": 224, "crop_size": 224}, {"size": 336, "crop_size": 336}, {"do_center_crop": False}]),
    ("ChineseCLIP", "chinese_clip", [{}]),
    ("Blip", "blip", [{}]),
    ("Siglip", "siglip", [{}, {"size": {"height": 384, "width": 384}, "resample": 2}]),
    ("ConvNext", "convnext", [{}, {"size": 224}, {"size": {"shortest_edge": 224}, "crop_pct": 0.95}, {"size": 384, "crop_pct": None}]),
    ("Levit", "levit", [{}, {"size": 224, "do_center_crop": False}]),
    ("MobileNetV1", "mobilenet_v1", [{}, {"size": 256, "crop_size": 224}]),
    ("MobileNetV2", "mobilenet_v2", [{}, {"size": {"shortest_edge": 192}, "crop_size": {"height": 160, "width": 160}}]),
    ("MobileViT", "mobilevit", [{}, {"size": 288, "crop_size": 256}, {"do_flip_channel_order": False}]),
    ("PoolFormer", "poolformer", [{}, {"size": 224, "crop_pct": 0.95}]),
    ("EfficientNet", "efficientnet", [{}, {"rescale_offset": True}, {"include_top": False}, {"size": 224, "resample": 0}]),
    ("Pvt", "pvt", [{}, {"image_mean": MEAN, "image_std": DEVIATION, "size": 224}]),
    ("Perceiver", "perceiver", [{}]),
    ("Segformer", "segformer", [{}, {"size": 224}]),
    ("DPT", "dpt", [{}, {"keep_aspect_ratio": True, "ensure_multiple_of": 32}]),
    ("Donut", "donut", [{"size": {"height": 256, "width": 192}}]),
    ("TextNet", "textnet", [{"size": {"shortest_edge": 100}}]),
    ("Vilt", "vilt", [{"size": {"shortest_edge": 96}}]),
    ("OwlViT", "owlvit", [{"size": {"height": 96, "width": 96}}]),
    ("BridgeTower", "bridgetower", [{}]),
    ("Swin2SR", "swin2sr", [{}]),
]


def places(length):
    return np.linspace(0, length - 1, PLACES).astype(int)


def recorded(kind, module, said):
    name = f"{kind}ImageProcessor"
    made = getattr(importlib.import_module(f"transformers.models.{module}.image_processing_pil_{module}"), f"{name}Pil")
    processor = made.from_dict(dict(said))
    # A file says what the processor says of itself, in its own words where there are older ones.
    config = {**json.loads(processor.to_json_string()), **said, "image_processor_type": name}
    for picture in PICTURES:
        image = Image.open(HERE / "pictures" / picture).convert("RGB")
        tensor = processor(image, return_tensors="np")["pixel_values"][0]
        height, width = tensor.shape[1:]
        values = tensor[:, places(height)][:, :, places(width)]
        yield {
            "config": config,
            "picture": picture,
            "shape": list(tensor.shape),
            "values": [float(f"{value:.7g}") for value in values.flatten()],
        }


def main():
    cases = []
    for kind, module, files in KINDS:
        for said in files:
            cases.extend(recorded(kind, module, said))
    lines = ",\n".join(json.dumps(case) for case in cases)
    (HERE / "processors.json").write_text(f"[\n{lines}\n]\n")


if __name__ == "__main__":
    main()
