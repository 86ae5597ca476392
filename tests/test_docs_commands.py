"""Every command of the documentation is run by a test or by CI, and names what exists."""

import re
import subprocess
import sys
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
import typer.main

from codelab_client.cli import app
from harness.commands import ROOT
from harness.pages import commands, page, section

PAGES = ["README.md", "CONTRIBUTING.md", *(f"docs/{p.name}" for p in (ROOT / "docs").glob("*.md"))]
EVERYTHING = {name: page(name) for name in PAGES}
AS_THEY_STAND = {
    "README.md": ("tests/e2e/test_quickstart.py", 'section(page("README.md"), "Run it in'),
    "docs/operations.md": ("tests/e2e/test_quickstart.py", 'page("docs/operations.md")'),
}
"""Pages whose commands, or those of a section, a test runs as they stand; and where it says so."""
EXAMPLE = """codelab do 'replace "old_name" with "new_name" in src/**/*.py' """
RUN_BY = {
    "make run": (".ci/run", "make run ARGS=--once"),
    "make test": (".ci/run", "make test"),
    f"{EXAMPLE}--workspace . --approve ask": (
        "tests/integration/client/test_commands.py",
        'section(page("README.md"), "Use it")',
    ),
    "scripts/test-all.sh": ("tests/integration/test_scripts.py", '"scripts/test-all.sh"'),
    "./run_load_test.sh": ("tests/integration/test_scripts.py", '"./run_load_test.sh"'),
    "export ANTHROPIC_API_KEY=…": ("tests/unit/client/test_up.py", '"ANTHROPIC_API_KEY"'),
    "codelab up": ("tests/unit/client/test_up.py", "stack(options("),
    "OLLAMA_HOST=localhost CODELAB_DEFAULT_MODEL=qwen3:8b codelab up": (
        "tests/unit/client/test_up.py",
        '"OLLAMA_HOST"',
    ),
    "OPENAI_BASE_URL=http://localhost:1234/v1 CODELAB_DEFAULT_MODEL=my-model codelab up": (
        "tests/unit/llmproxy/test_default_config.py",
        "openai_base_url",
    ),
}
"""All other commands: the file that runs each, and what is written there."""
INLINE = re.compile(r"`([^`\n]+)`")


def inline(program: str) -> Sequence[str]:
    """What all pages say about a program, within lines of text."""
    texts = [text for one in EVERYTHING.values() for text in INLINE.findall(one)]
    return sorted({text for text in texts if text.startswith(program)})


def test_every_command_is_run_by_a_test_or_by_ci() -> None:
    """D-08: a new command needs an entry, an entry needs its command."""
    stands = [*commands(section(EVERYTHING["README.md"], "Run it in containers"))]
    stands += commands(EVERYTHING["docs/operations.md"])

    written = [line for text in EVERYTHING.values() for line in commands(text) if line]

    assert {line for line in written if line not in stands} == set(RUN_BY)


@pytest.mark.parametrize(("file", "words"), [*AS_THEY_STAND.values(), *RUN_BY.values()])
def test_what_is_said_to_run_a_command_does(file: str, words: str) -> None:
    assert words in (ROOT / file).read_text()


@pytest.mark.parametrize("line", inline("make "))
def test_every_target_that_is_spoken_of_exists(line: str) -> None:
    makefile = (ROOT / "Makefile").read_text()

    assert re.search(rf"^{line.split()[1]}:", makefile, re.MULTILINE)


@pytest.mark.parametrize("line", inline("codelab "))
def test_every_command_of_the_client_that_is_spoken_of_exists(line: str) -> None:
    command: Any = typer.main.get_command(app)
    words = line.split()[1:]
    while hasattr(command, "commands"):
        command = command.commands[words.pop(0)]
    known = {option for parameter in command.params for option in parameter.opts}

    assert {word for word in words if word.startswith("--")} <= known


def options(line: str) -> set[str]:
    """Long options that a command is given."""
    return set(re.findall(r"(?<= )--[a-z-]+", line))


def test_every_benchmark_that_is_spoken_of_takes_its_options() -> None:
    """D-08."""
    lines = inline("benchmarks/")
    programs = {line.split()[0] for line in lines if " " in line}

    told: Mapping[str, str] = {
        program: subprocess.run(
            [sys.executable, ROOT / program, "--help"], capture_output=True, text=True, check=True
        ).stdout
        for program in programs
    }

    unknown = [line for line in lines for one in options(line) if one not in told[line.split()[0]]]
    assert unknown == []
    assert programs
