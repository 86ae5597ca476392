import io
import os
import pty
from collections.abc import Iterator

import anyio
import pytest
from prompt_toolkit.application import create_app_session
from prompt_toolkit.input import create_pipe_input
from prompt_toolkit.output import DummyOutput

from codelab_client.typing_lines import PlainAsker, TerminalAsker, asker


def typed(monkeypatch: pytest.MonkeyPatch, text: str) -> PlainAsker:
    monkeypatch.setattr("sys.stdin", io.StringIO(text))
    return PlainAsker()


async def test_plain_input_is_read_line_by_line(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = typed(monkeypatch, "one\ntwo")

    assert [await lines.line("> "), await lines.line("> ")] == ["one", "two"]
    with pytest.raises(EOFError):
        await lines.line("> ")


async def test_plain_text_ends_with_a_dot(monkeypatch: pytest.MonkeyPatch) -> None:
    assert await typed(monkeypatch, "a\nb\n.\n").text("new: ", "old\n") == "a\nb\n"


async def test_no_plain_text_keeps_the_default(monkeypatch: pytest.MonkeyPatch) -> None:
    assert await typed(monkeypatch, ".\n").text("new: ", "old\n") == "old\n"


@pytest.fixture
def keys() -> Iterator["object"]:
    with create_pipe_input() as pipe, create_app_session(input=pipe, output=DummyOutput()):
        yield pipe


async def test_a_terminal_line_can_be_edited(keys: "object") -> None:
    lines = TerminalAsker()
    keys.send_text("onx\x7fe\r")  # type: ignore[attr-defined]  # the pipe of prompt_toolkit

    with anyio.fail_after(5):
        assert await lines.line("> ") == "one"


async def test_a_terminal_text_starts_from_its_default(keys: "object") -> None:
    lines = TerminalAsker()
    keys.send_text("!\x1b\r")  # type: ignore[attr-defined]  # the pipe of prompt_toolkit

    with anyio.fail_after(5):
        assert await lines.text("new: ", "old") == "old!"


def test_without_a_terminal_input_is_plain() -> None:
    assert isinstance(asker(), PlainAsker)


def test_with_a_terminal_input_is_editable(monkeypatch: pytest.MonkeyPatch) -> None:
    master, slave = pty.openpty()
    with os.fdopen(slave) as keyboard, os.fdopen(os.dup(slave), "w") as screen:
        monkeypatch.setattr("sys.stdin", keyboard)
        monkeypatch.setattr("sys.stdout", screen)

        assert isinstance(asker(), TerminalAsker)

    os.close(master)
