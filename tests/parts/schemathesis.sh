#!/usr/bin/env bash
# What holds an OpenAPI document against the API that it describes: Schemathesis, and a validator of documents.
source "$(dirname "$0")/python.sh"
install_python_part schemathesis schemathesis
