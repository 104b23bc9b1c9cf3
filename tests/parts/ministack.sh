#!/usr/bin/env bash
# MiniStack: an AWS emulator that runs the built functions as plain processes, without containers.
source "$(dirname "$0")/python.sh"
install_python_part ministack ministack
