# shellcheck shell=bash
# Parts that are Python packages; to be sourced, not run.

# shellcheck source=tests/parts/part.sh
source "$(dirname "${BASH_SOURCE[0]}")/part.sh"

# install_python_part NAME PACKAGE: an environment with what `NAME.txt` pins, the package among it.
# The name of the part holds that version and a checksum of all others: a changed pin installs anew.
install_python_part() {
    local pins version checksum
    pins="$(dirname "${BASH_SOURCE[0]}")/$1.txt"
    version="$(sed -n "s/^$2==//p" "$pins")"
    checksum="$(sha256sum <"$pins" | cut -c 1-8)"
    PINS="$pins" install_part "$1" "$version-$checksum"
}

# Environments cannot be moved: this one is made where it stays.
fill() {
    python3 -m venv "$1"
    "$1/bin/pip" --disable-pip-version-check --no-input --quiet install --requirement "$PINS"
}
