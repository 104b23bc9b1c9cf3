"""Makes the zoo: models by the exporters people use, with what onnxruntime answers.

    generate.py FOLDER                all of it
    generate.py FOLDER svc-binary     only these models
"""

import argparse
import sys
import warnings
from pathlib import Path

import boosters
import estimators
import onnxruntime
import operators
import tables
from record import provide_locale, record


def main() -> None:
    parser = argparse.ArgumentParser(description="Makes the models of the zoo.")
    parser.add_argument("folder", type=Path, help="a new folder for each model is made in it")
    parser.add_argument("model", nargs="*", help="only these, and no cases of operators")
    arguments = parser.parse_args()
    warnings.simplefilter("ignore")
    onnxruntime.set_default_logger_severity(4)  # What fails is raised as well.
    provide_locale()
    models = estimators.models() | tables.models() | boosters.models()
    for name in arguments.model or models:
        try:
            record(arguments.folder / name, *models[name]())
        except Exception as error:
            sys.exit(f"`{name}`: {type(error).__name__}: {error}")
    if not arguments.model:
        operators.write(arguments.folder / "operators")


if __name__ == "__main__":
    main()
