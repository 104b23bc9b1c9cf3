#!/usr/bin/env bash
# What reads templates and policies with others' eyes: Checkov, and Parliament.
source "$(dirname "$0")/python.sh"
install_python_part checks checkov
