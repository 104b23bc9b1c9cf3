#!/usr/bin/env bash
# The AWS SAM CLI: checks, builds and deploys `template.yaml`.
source "$(dirname "$0")/python.sh"
install_python_part sam aws-sam-cli
