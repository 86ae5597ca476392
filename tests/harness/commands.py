"""Runs ordinary programs in tests, with a deadline and all that they said when they fail."""

import subprocess
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType

EMPTY: Mapping[str, str] = MappingProxyType({})
ROOT = Path(__file__).resolve().parents[2]


def run(*command: str | Path, timeout_s: float = 60, environment: Mapping[str, str] = EMPTY) -> str:
    """Standard output of a program that must succeed."""
    said = outcome(*command, timeout_s=timeout_s, environment=environment)
    assert said.returncode == 0, f"{' '.join(map(str, command))}\n{said.stdout}\n{said.stderr}"
    return said.stdout


def outcome(
    *command: str | Path, timeout_s: float = 60, environment: Mapping[str, str] = EMPTY
) -> subprocess.CompletedProcess[str]:
    """What a program said and how it ended."""
    variables = ["env", *(f"{name}={value}" for name, value in environment.items())]
    return subprocess.run(
        [*variables, *map(str, command)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=timeout_s,
        check=False,
    )
