"""Writes what is generated from the types, or with `--check` tells what is out of date.

python scripts/generate.py            writes every file
python scripts/generate.py --check    writes nothing; prints what differs; 1 then
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

from golden_manifests import goldens

ROOT = Path(__file__).resolve().parent.parent

GENERATED: dict[str, Callable[[], str]] = {**goldens()}
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
