#!/usr/bin/env bash
# Installs the program's packages and `serverless-mesh` into .venv, from the lock.
set -euo pipefail
python3 -m venv .venv
.venv/bin/pip install --quiet --require-hashes --only-binary :all: -r requirements.txt
.venv/bin/pip install --quiet --no-index --no-deps --no-build-isolation .
