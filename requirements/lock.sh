#!/bin/sh
# Locks what pyproject.toml asks for, with hashes and without an index address. Needs uv.
set -eu
cd "$(dirname "$0")/.."
lock() { uv pip compile pyproject.toml --quiet --universal --python-version 3.11 --generate-hashes --no-emit-index-url --no-header --no-annotate "$@"; }
lock --output-file requirements/run.txt
lock --extra dev --output-file requirements/test.txt
