#!/usr/bin/env bash
# What deploys a tenant's file to Auth0: its check of the file is part of the tests.
# shellcheck source=tests/parts/npm.sh
source "$(dirname "$0")/npm.sh"

install_npm_part auth0 auth0
