"""`codelab-llmproxy`: the command as it is started in a container."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from codelab_llmproxy.__main__ import main
from harness.providers import config_file, provider

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs the command: status and error text, as the interpreter ends with them."""

    def running(*arguments: str, **environment: str) -> tuple[int, str]:
        monkeypatch.setattr("sys.argv", ["codelab-llmproxy", *arguments])
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        try:
            main()
        except SystemExit as end:
            text = capsys.readouterr().err
            return (end.code, text) if isinstance(end.code, int) else (1, f"{text}{end.code}\n")
        return 0, capsys.readouterr().err

    return running


def test_it_is_a_module_that_can_be_started(tmp_path: Path) -> None:
    file = config_file(tmp_path, provider("ollama", "http://gpu"))
    command = [sys.executable, "-m", "codelab_llmproxy", "check", str(file)]

    ended = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)

    assert (ended.returncode, ended.stderr) == (0, "")


def test_a_good_configuration_passes_the_check(tmp_path: Path, run: Run) -> None:
    file = config_file(tmp_path, provider("ollama", "http://gpu"))

    assert run("check", str(file)) == (0, "")


def test_a_bad_one_fails_it_with_every_problem(tmp_path: Path, run: Run) -> None:
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
def test_a_proxy_that_could_not_serve_does_not_start(
    variables: dict[str, str], start: str, run: Run
) -> None:
    status, text = run(**variables)

    assert (status, text.startswith(start)) == (1, True)


def test_a_key_that_is_missing_is_named(tmp_path: Path, run: Run) -> None:
    file = config_file(tmp_path, provider("anthropic", "http://gate"))

    status, text = run("serve", CODELAB_CONFIG_FILE=str(file))

    assert status == 1
    assert text.startswith("providers.real.keys: env:TEST_KEY: holds no key")


def test_other_words_are_answered_with_the_usage(run: Run) -> None:
    status, text = run("dance")

    assert (status, text) == (1, "usage: codelab-llmproxy [serve | check CONFIG]\n")
