#!/usr/bin/env bash
# MLServer, for the codecs by which its clients write requests and read answers.
source "$(dirname "$0")/python.sh"
install_python_part mlserver mlserver
