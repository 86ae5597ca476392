import shlex
from typing import Any

import pytest
import typer
from typer.core import TyperGroup

from codelab_client.cli import app
from codelab_client.help_texts import EXAMPLES, epilog

COMMANDS = typer.main.get_command(app)


def parsed(command: Any, words: list[str]) -> None:
    """Read a command line to its end without running it; raises what a person would see."""
    if isinstance(command, TyperGroup):
        inner = command.commands[words[0]]
        parsed(inner, words[1:])
    else:
        command.make_context("codelab", words)


def commands(group: Any, prefix: str = "") -> dict[str, Any]:
    """All commands and groups below one, by their names."""
    found: dict[str, Any] = {}
    for name, command in group.commands.items() if isinstance(group, TyperGroup) else ():
        found[prefix + name] = command
        found |= commands(command, f"{prefix}{name} ")
    return found


@pytest.mark.parametrize("example", sorted({line for lines in EXAMPLES.values() for line in lines}))
def test_every_example_is_a_good_command_line(example: str) -> None:
    program, *words = shlex.split(example)

    assert program == "codelab"
    parsed(COMMANDS, words)


def test_every_command_has_examples_of_itself() -> None:
    found = commands(COMMANDS)

    assert found.keys() | {"codelab"} == EXAMPLES.keys()
    for name, command in found.items():
        assert command.epilog == epilog(name)
        assert all(f"codelab {name}" in line for line in EXAMPLES[name])
