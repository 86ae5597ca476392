"""Tests of the list of store commands: it says exactly what the services call."""

import re
from pathlib import Path

import pytest

from codelab_core.store_commands import COMMANDS

ROOT = Path(__file__).resolve().parents[3]
IN_SCRIPT = re.compile(r"redis\.p?call\('(\w+)'")
IN_CODE = re.compile(r"(?:redis|pipe|pubsub)\.([a-z_]+)\(")
LIBRARY = {"aclose", "execute", "from_url", "get_message", "pipeline", "pubsub", "call", "pcall"}
"""Methods of the client that are no commands."""
SPELLED = {"script_load": "script|load"}
BY_ARGUMENT = {"runtime": {"publish"}}
"""Commands that the services give to their scripts as an argument."""

NOT_OURS = {"info"}
"""Asked of stores of somebody else; one that refuses it is trusted."""


@pytest.mark.parametrize("service", COMMANDS)
def test_the_list_has_what_the_service_calls_and_nothing_else(service: str) -> None:
    folder = ROOT / "images" / service
    scripts = "\n".join(file.read_text() for file in folder.rglob("*.lua"))
    code = "\n".join(file.read_text() for file in folder.rglob("*.py"))

    called = {name.lower() for name in IN_SCRIPT.findall(scripts)} | BY_ARGUMENT.get(service, set())
    called |= {
        SPELLED.get(name, name) for name in IN_CODE.findall(code) if name not in LIBRARY | NOT_OURS
    }

    assert set(COMMANDS[service]) == called | {"ping"}
