#!/bin/sh
# Checks a running system: health of the three services, refusals without a key, WebSocket echo,
# a tool's round trip. ✓ or ✗ per check; 0: all passed.
#
#   scripts/test-all.sh [--gateway URL] [--runtime URL] [--llmproxy URL] [--token T] [--key K]
#   scripts/test-all.sh --start      starts a system for the occasion
#   scripts/test-all.sh --suite      runs `make test` first, then the checks on a system of its own
#
# CODELAB_URL, CODELAB_TOKEN and CODELAB_KEY stand for --gateway, --token and --key.
set -eu
cd "$(dirname "$(readlink -f "$0")")/.."
if [ "${1:-}" = --suite ]; then
    shift
    make test
    set -- --start "$@"
fi
exec .venv/bin/python scripts/system_check.py ${CODELAB_URL:+--gateway "$CODELAB_URL"} \
    ${CODELAB_TOKEN:+--token "$CODELAB_TOKEN"} ${CODELAB_KEY:+--key "$CODELAB_KEY"} "$@"
