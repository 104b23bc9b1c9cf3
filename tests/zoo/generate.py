"""Makes the zoo: models by the exporters people use, with what onnxruntime answers.

    generate.py FOLDER tables      scikit-learn, XGBoost, LightGBM, CatBoost
"""

import argparse
import importlib
import sys
import warnings
from pathlib import Path

from record import provide_locale, record

PARTS = {"tables": ["estimators", "tables", "boosters"]}


def main() -> None:
    parser = argparse.ArgumentParser(description="Makes the models of the zoo.")
    parser.add_argument("folder", type=Path, help="a new folder for each model is made in it")
    parser.add_argument("part", choices=PARTS)
    parser.add_argument("model", nargs="*", help="only these")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    provide_locale()
    models = {}
    for module in PARTS[arguments.part]:
        models |= importlib.import_module(module).models()
    for name in arguments.model or models:
        try:
            record(arguments.folder / name, *models[name]())
        except Exception as error:
            sys.exit(f"`{name}`: {type(error).__name__}: {error}")


if __name__ == "__main__":
    main()
