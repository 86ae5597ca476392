"""Configurations of the proxy that lead to servers of the tests."""

from pathlib import Path
from typing import Any

import yaml

KEY = "sk-canary-0123456789abcdef"


def provider(kind: str, url: str, **fields: Any) -> dict[str, Any]:
    """One provider of the dialect, with one model `m-1`."""
    base = {"openai-compatible": "/v1"}.get(kind, "")
    keyed = {} if kind == "ollama" else {"keys": [{"id": "main", "secret": "env:TEST_KEY"}]}
    return {
        "name": "real",
        "kind": kind,
        "base_url": url + base,
        "allow_private": True,
        "models": [{"id": "m-1"}],
        **keyed,
        **fields,
    }


def config_file(folder: Path, *providers: dict[str, Any], **fields: Any) -> Path:
    """A configuration of these providers."""
    file = folder / "config.yaml"
    file.write_text(yaml.safe_dump({"version": 1, "providers": [*providers], **fields}))
    return file
