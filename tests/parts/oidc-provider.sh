#!/usr/bin/env bash
# oidc-provider, the second issuer.
# shellcheck source=tests/parts/npm.sh
source "$(dirname "$0")/npm.sh"

install_npm_part oidc-provider issuer
