#!/usr/bin/env bash
# MLflow's client of scoring servers, with the pandas and NumPy whose tables and arrays it sends.
source "$(dirname "$0")/python.sh"
install_python_part mlflow mlflow-skinny
