#!/usr/bin/env bash
# Clients of the Open Inference Protocol that people have: tritonclient and KServe's.
source "$(dirname "$0")/python.sh"
install_python_part clients tritonclient
