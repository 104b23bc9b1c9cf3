#!/usr/bin/env bash
# onnxruntime's shared library, from its Python package: what the engine is measured beside.
# shellcheck source=tests/parts/part.sh
source "$(dirname "$0")/part.sh"

# The version that the zoo's answers are recorded with.
VERSION="$(sed -n 's/^onnxruntime==//p' "$(dirname "$0")/../zoo/requirements.txt")"

fill() {
    python3 -m pip --disable-pip-version-check --no-input --quiet \
        download --no-deps --only-binary :all: --dest "$1" "onnxruntime==$VERSION"
    python3 - "$1" <<'END'
import pathlib, sys, zipfile

folder = pathlib.Path(sys.argv[1])
(wheel,) = folder.glob("*.whl")
with zipfile.ZipFile(wheel) as files:
    (name,) = [name for name in files.namelist() if "/libonnxruntime.so" in name]
    (folder / "libonnxruntime.so").write_bytes(files.read(name))
wheel.unlink()
END
}

install_part onnxruntime "$VERSION"
