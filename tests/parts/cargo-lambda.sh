#!/usr/bin/env bash
# cargo-lambda, and the C compiler and linker (Zig) it builds for Amazon Linux with.
source "$(dirname "$0")/python.sh"
install_python_part cargo-lambda cargo-lambda
