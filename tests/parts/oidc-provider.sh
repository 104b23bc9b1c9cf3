#!/usr/bin/env bash
# oidc-provider, the second issuer: the packages that `tests/issuer/package-lock.json` pins.
# shellcheck source=tests/parts/part.sh
source "$(dirname "$0")/part.sh"

ISSUER="$(cd "$(dirname "$0")/../issuer" && pwd)"

fill() {
    cp "$ISSUER/package.json" "$ISSUER/package-lock.json" "$1"
    cd "$1"
    npm ci --ignore-scripts --no-audit --no-fund --no-update-notifier
}

install_part oidc-provider "$(sha256sum <"$ISSUER/package-lock.json" | cut -c 1-16)"
