#!/usr/bin/env bash
# What reads templates, policies and all else with others' eyes: Checkov, its detectors of secrets, and Parliament.
source "$(dirname "$0")/python.sh"
install_python_part checks checkov
