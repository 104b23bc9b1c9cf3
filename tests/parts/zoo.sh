#!/usr/bin/env bash
# The zoo: models as scikit-learn, XGBoost, LightGBM and CatBoost are exported, and what onnxruntime answers.
# Beside them the cases of single operators of the onnx package. What makes them, some 800 MB, is removed again.
# shellcheck source=tests/parts/part.sh
source "$(dirname "$0")/part.sh"

ZOO="$(cd "$(dirname "$0")/../zoo" && pwd)"

fill() {
    python3 -m venv "$1/venv"
    "$1/venv/bin/pip" --disable-pip-version-check --no-input --no-cache-dir --quiet \
        install --no-deps --requirement "$ZOO/requirements.txt"
    note "training the models of the zoo"
    # Sets of Python are in the order of this seed, and exporters write them out.
    export PYTHONHASHSEED=0 PYTHONDONTWRITEBYTECODE=1 OMP_NUM_THREADS=1
    "$1/venv/bin/python" "$ZOO/generate.py" "$1"
    rm -r "$1/venv"
}

install_part zoo "$(cat "$ZOO"/*.py "$ZOO/requirements.txt" | sha256sum | cut -c 1-16)"
