# shellcheck shell=bash
# A part of npm packages: those that the lock file of a folder pins. To be sourced, not run.
# shellcheck source=tests/parts/part.sh
source "$(dirname "${BASH_SOURCE[0]}")/part.sh"

fill() {
    cp "$NPM_FOLDER/package.json" "$NPM_FOLDER/package-lock.json" "$1"
    cd "$1"
    npm ci --ignore-scripts --no-audit --no-fund --no-update-notifier
}

# install_npm_part NAME FOLDER: the packages of `tests/FOLDER`.
install_npm_part() {
    NPM_FOLDER="$(cd "$(dirname "${BASH_SOURCE[0]}")/../$2" && pwd)"
    install_part "$1" "$(sha256sum <"$NPM_FOLDER/package-lock.json" | cut -c 1-16)"
}
