#!/usr/bin/env bash
# The deep half of the zoo: networks as PyTorch and Keras are exported, and what onnxruntime answers.
# What makes them, some 6 GB, is removed again.
# shellcheck source=tests/parts/part.sh
source "$(dirname "$0")/part.sh"

ZOO="$(cd "$(dirname "$0")/../zoo" && pwd)"

fill() {
    python3 -m venv "$1/venv"
    "$1/venv/bin/pip" --disable-pip-version-check --no-input --no-cache-dir --quiet \
        install --no-deps --no-compile --requirement "$ZOO/deep/requirements.txt"
    note "exporting the deep models of the zoo"
    # Sets of Python are in the order of this seed, and exporters write them out.
    export PYTHONHASHSEED=0 PYTHONDONTWRITEBYTECODE=1 OMP_NUM_THREADS=1
    (cd "$ZOO" && "$1/venv/bin/python" -m deep.generate "$1")
    rm -r "$1/venv"
}

install_part deep "$(cat "$ZOO/record.py" "$ZOO"/deep/*.py "$ZOO/deep/requirements.txt" | sha256sum | cut -c 1-16)"
