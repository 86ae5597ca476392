#!/bin/sh
# Load test: 100 WebSockets, 10 requests a second, 5 minutes; figures as ✓ and ✗ lines.
#
#   scripts/load-test.sh [--url http://127.0.0.1:8000 --token TOKEN] [--duration SECONDS]
#                        [--sockets N] [--rate PER_SECOND] [--json FILE] [--strict]
#
# CODELAB_URL and CODELAB_TOKEN stand for --url and --token. Without an address it starts the system
# for itself. 0: all requests were answered whole. The figures are kept in benchmarks/results/load.json.
set -eu
root=$(dirname "$(readlink -f "$0")")/..
cd "$root"
mkdir -p benchmarks/results
exec .venv/bin/python benchmarks/load.py --json benchmarks/results/load.json \
    ${CODELAB_URL:+--url "$CODELAB_URL"} ${CODELAB_TOKEN:+--token "$CODELAB_TOKEN"} "$@"
