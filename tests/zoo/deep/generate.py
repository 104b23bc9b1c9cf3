"""Makes the deep half of the zoo: networks by the exporters people use, with what onnxruntime answers.

    python -m deep.generate FOLDER                      all of it, as many families at once as there are processors
    python -m deep.generate FOLDER texts                one family
    python -m deep.generate FOLDER texts rotary-dynamo  this one
"""

import argparse
import importlib
import os
import subprocess
import sys
import warnings
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import onnxruntime

from record import record_cases

# Those that take longest come first.
FAMILIES = ["images", "sequences", "texts", "with_keras", "tables", "quantized", "sentences"]


def main() -> None:
    parser = argparse.ArgumentParser(description="Makes the deep models of the zoo.")
    parser.add_argument("folder", type=Path, help="a new folder for each model is made in it")
    parser.add_argument("family", nargs="?", choices=FAMILIES)
    parser.add_argument("model", nargs="*", help="only these")
    arguments = parser.parse_args()
    if arguments.family:
        make(arguments.folder, arguments.family, arguments.model)
    else:
        make_all(arguments.folder)


def make_all(folder: Path) -> None:
    """Each family in a process of its own: exporters number what they name as they go."""

    def run(family: str) -> int:
        return subprocess.call([sys.executable, "-m", "deep.generate", folder, family])

    with ThreadPoolExecutor(os.cpu_count()) as pool:
        if any(list(pool.map(run, FAMILIES))):
            sys.exit(1)


def make(folder: Path, family: str, chosen: list[str]) -> None:
    warnings.simplefilter("ignore")
    onnxruntime.set_default_logger_severity(4)  # What fails is raised as well.
    models = importlib.import_module(f"deep.{family}").models()
    for name in chosen or models:
        try:
            record_cases(folder / name, *models[name]())
        except Exception as error:
            sys.exit(f"`{name}`: {type(error).__name__}: {error}")


if __name__ == "__main__":
    main()
