"""`codelab-llmproxy`: the process as it is started in a container."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from harness.providers import config_file, provider


def run(*arguments: str, **environment: str) -> tuple[int, str]:
    """Status and error text of the command."""
    here = {name: value for name, value in os.environ.items() if not name.endswith("_KEY")}  # noqa: TID251 -- of the child
    command = [sys.executable, "-m", "codelab_llmproxy", *arguments]
    ended = subprocess.run(
        command, env=here | environment, capture_output=True, text=True, timeout=30, check=False
    )
    return ended.returncode, ended.stderr


def test_a_good_configuration_passes_the_check(tmp_path: Path) -> None:
    file = config_file(tmp_path, provider("ollama", "http://gpu"))

    assert run("check", str(file)) == (0, "")


def test_a_bad_one_fails_it_with_every_problem(tmp_path: Path) -> None:
    """Section 4 of the configuration: line and path."""
    bad = provider("ollama", "http://gpu", colour="red", allow_private=False)
    file = config_file(tmp_path, bad, aliases={"default": "none"})

    status, text = run("check", str(file))

    assert status == 1
    assert [line.partition(": ")[2] for line in text.splitlines()] == [
        "line 5: providers[0].base_url: http:// needs allow_private: true",
        "line 6: providers[0].colour: there is no such field",
        "line 2: aliases.default: 'none' is no route and no model",
    ]


@pytest.mark.parametrize(
    ("variables", "start"),
    [
        ({"OPENAI_BASE_URL": "ftp://x"}, "OPENAI_BASE_URL: "),
        ({"CODELAB_CONFIG_FILE": "/nowhere"}, "/nowhere: cannot be read"),
    ],
)
def test_a_proxy_that_could_not_serve_does_not_start(variables: dict[str, str], start: str) -> None:
    status, text = run(**variables)

    assert (status, text.startswith(start)) == (1, True)


def test_a_key_that_is_missing_is_named(tmp_path: Path) -> None:
    file = config_file(tmp_path, provider("anthropic", "http://gate"))

    status, text = run("serve", CODELAB_CONFIG_FILE=str(file))

    assert status == 1
    assert text.startswith("providers.real.keys: env:TEST_KEY: holds no key")


def test_other_words_are_answered_with_the_usage() -> None:
    status, text = run("dance")

    assert (status, text) == (1, "usage: codelab-llmproxy [serve | check CONFIG]\n")
