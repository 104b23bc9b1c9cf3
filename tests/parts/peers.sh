#!/usr/bin/env bash
# Other implementations that the authorizer is compared with, and clients that call it.
# shellcheck source=tests/parts/npm.sh
source "$(dirname "$0")/npm.sh"

install_npm_part peers peers
