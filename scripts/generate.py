"""Writes what is generated from the types, or with `--check` tells what is out of date.

python scripts/generate.py            writes every file
python scripts/generate.py --check    writes nothing; prints what differs; 1 then
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from api_documents import gateway_document, llmproxy_document, runtime_document
from json_schemas import asyncapi, chunks_schema, frames_schema

ROOT = Path(__file__).resolve().parent.parent

GENERATED: dict[str, Callable[[], str]] = {
    "docs/api/gateway.openapi.json": gateway_document,
    "docs/api/runtime.openapi.json": runtime_document,
    "docs/api/llmproxy.openapi.json": llmproxy_document,
    "docs/api/gateway.asyncapi.json": asyncapi,
    "docs/api/frames.schema.json": frames_schema,
    "docs/api/inference.schema.json": chunks_schema,
}
"""Text of each generated file, by its path below the root."""


def main() -> int:
    """Write or check every file."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="write nothing, tell what differs")
    is_check = parser.parse_args().check
    stale = 0
    for name, make in GENERATED.items():
        file, text = ROOT / name, make()
        if file.is_file() and file.read_text() == text:
            continue
        stale += 1
        if not is_check:
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
        sys.stdout.write(f"{'out of date' if is_check else 'wrote'}: {name}\n")
    if stale and is_check:
        sys.stdout.write("next: make generate\n")
    return int(bool(stale and is_check))


if __name__ == "__main__":
    raise SystemExit(main())
