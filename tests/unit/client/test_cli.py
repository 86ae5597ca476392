import json
import re
from collections.abc import Awaitable, Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Any

import anyio.to_thread
import orjson
import pytest
from typer.testing import CliRunner, Result

from codelab_client.cli import _completed, app
from codelab_client.up import Options, stack
from fakes.fake_gateway import Talk, fake_gateway
from fakes.http_server import Reply, http_server

PAGE = (Path(__file__).resolve().parents[3] / "docs/client.md").read_text()
USAGE = {"inferences": 1, "tool_calls": 0}
SESSION = {
    "id": "6f1c",
    "title": "Add [logging]",
    "state": "idle",
    "message_count": 3,
    "last_activity": "2026-01-05T09:31:10.000Z",
}
MESSAGES = [
    {"role": "user", "content": "Read [it]."},
    {"role": "assistant", "tool_calls": [{"function": {"name": "read_file"}}]},
    {"role": "tool", "name": "read_file", "content": "secret"},
    {"role": "assistant", "content": "It is short."},
]


@pytest.fixture(autouse=True)
def _state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    monkeypatch.setenv("COLUMNS", "120")


def codelab(*words: str) -> Result:
    return CliRunner().invoke(app, words)


async def run(*words: str) -> Result:
    """The command in a thread of its own: servers of the test go on beside it."""
    return await anyio.to_thread.run_sync(partial(codelab, *words))


def ending(reason: str) -> Callable[[Talk], Awaitable[None]]:
    """A gateway whose turn says one word and ends like this."""

    async def script(talk: Talk) -> None:
        await talk.welcome()
        asked = await talk.receive("user_message")
        await talk.ok(asked)
        turn = {"turn_id": "t1"}
        said = {"type": "assistant_message", "message_id": "m1-1-0", "token": "Hm.", **turn}
        await talk.send(
            {"type": "turn_started", "seq": 1, "message_id": asked["message_id"], **turn},
            {**said, "content": "Hm.", "is_final": False, "seq": 2},
            {"type": "turn_completed", "seq": 3, "reason": reason, "usage": USAGE, **turn},
        )
        await talk.stay()

    return script


@pytest.mark.parametrize(
    ("words", "taught"),
    [
        ((), "do        Have one task done."),
        (("--help",), "codelab do 'add logging to src/auth.js' --workspace ."),
        (("do", "--help"), "codelab do 'read README.md' --approve none --json"),
        (("chat", "--help"), "codelab chat --workspace ."),
        (("sessions", "show", "--help"), "codelab sessions show 6f1c"),
    ],
)
def test_help_teaches_by_examples(words: tuple[str, ...], taught: str) -> None:
    said = codelab(*words)

    assert taught in said.output
    assert said.exit_code == (0 if words else 2)


@pytest.mark.parametrize(("reason", "code"), [("completed", 0), ("failed", 1), ("cancelled", 1)])
async def test_the_exit_code_says_whether_the_task_was_done(
    tmp_path: Path, reason: str, code: int
) -> None:
    async with fake_gateway(ending(reason)) as gateway:
        words = ("do", "look", "--approve", "none", "--url", gateway.url)
        said = await run(*words, "--workspace", str(tmp_path))

    assert (said.exit_code, "Hm." in said.stdout) == (code, True)


@pytest.mark.parametrize(
    "words",
    [
        ("do", "x", "--approve", "some"),
        ("do", "x", "--approve", "0"),
        ("do", "x", "--workspace", "/nowhere/at/all"),
        ("do",),
        ("dance",),
        ("up", "--port", "x"),
    ],
)
def test_wrong_use_is_said_and_has_a_code_of_its_own(words: tuple[str, ...]) -> None:
    said = codelab(*words)

    assert (said.exit_code, said.stdout) == (2, "")
    assert "Error" in said.stderr


@pytest.mark.parametrize("command", ["do", "sessions"])
def test_a_gateway_that_is_not_there_is_one_sentence(tmp_path: Path, command: str) -> None:
    words = {
        "do": ("do", "x", "--approve", "none", "--json", "--workspace", str(tmp_path)),
        "sessions": ("sessions", "list"),
    }[command]

    said = codelab(*words, "--url", "http://127.0.0.1:9")

    assert (said.exit_code, said.stdout) == (1, "")
    assert said.stderr.startswith("codelab: ")
    assert len(said.stderr.splitlines()) == 1


def test_an_interrupt_ends_it_as_a_shell_expects() -> None:
    async def interrupted() -> None:
        raise KeyboardInterrupt

    work: Coroutine[Any, Any, None] = interrupted()
    with pytest.raises(Exception, match="130") as caught:
        _completed(work)

    assert getattr(caught.value, "exit_code", None) == 130


async def test_the_json_of_a_task_is_what_the_page_promises(tmp_path: Path) -> None:
    """With a real system: what is printed is one document and nothing else."""
    workspace = tmp_path / "workspace"
    workspace.mkdir()
    options = Options(tmp_path / "up", gateway_port=0, runtime_port=0, llmproxy_port=0)
    task = ("do", 'write "a" to b.txt', "--approve", "all", "--json")
    async with stack(options) as running:
        at = ("--workspace", str(workspace), "--url", running.gateway_url)
        said = await run(*task, *at, "--token", running.token or "")

    document = json.loads(said.stdout)
    rows = re.findall(r"^\| `(\w+)` \| (\w+)( or null)? \|", PAGE, re.MULTILINE)
    names: dict[Any, str] = {str: "string", list: "array", dict: "object"}
    assert {name: names[type(value)] for name, value in document.items()} == {
        name: kind for name, kind, _ in rows
    }
    written = {"call": "write_file b.txt", "tool": "write_file", "outcome": "completed"}
    assert document["calls"] == [{**written, "files": ["b.txt"]}]
    assert (document["reason"], document["changed_files"]) == ("completed", ["b.txt"])
    assert set(document["usage"]) <= set(re.findall(r"`(\w+)`", PAGE))
    assert (said.exit_code, document["provider"]) == (0, "scripted")
    assert (workspace / "b.txt").read_text() == "a"


def test_sessions_are_a_table() -> None:
    with http_server(Reply(200, orjson.dumps({"sessions": [SESSION], "total": 1}))) as gateway:
        said = codelab("sessions", "list", "--url", gateway.url, "--token", "t")

    assert said.exit_code == 0
    for cell in ("6f1c", "Add [logging]", "idle", "3", "2026-01-05 09:31"):
        assert cell in said.stdout
    assert gateway.requests[-1] == ("GET", "/api/v1/sessions", "Bearer t")


def test_sessions_are_one_json_document_where_that_is_wanted() -> None:
    listed = {"sessions": [SESSION], "total": 1}
    with http_server(Reply(200, orjson.dumps(listed))) as gateway:
        said = codelab("sessions", "list", "--json", "--url", gateway.url, "--token", "t")

    assert (said.exit_code, json.loads(said.stdout)) == (0, listed)


def test_a_conversation_is_shown_without_what_tools_said() -> None:
    with http_server(Reply(200, orjson.dumps({"messages": MESSAGES}))) as gateway:
        said = codelab("sessions", "show", "6f1c", "--url", gateway.url, "--token", "t")

    assert said.stdout.splitlines() == [
        "user: Read [it].",
        "  → read_file",
        "assistant: It is short.",
    ]
    assert gateway.requests[-1][1] == "/api/v1/sessions/6f1c/history"


def test_an_export_is_one_json_document() -> None:
    with http_server(Reply(200, orjson.dumps(SESSION | {"messages": MESSAGES}))) as gateway:
        said = codelab("sessions", "export", "6f1c", "--url", gateway.url, "--token", "t")

    assert json.loads(said.stdout) == {
        "session": SESSION | {"messages": MESSAGES},
        "history": MESSAGES,
    }


def test_a_session_is_deleted_without_a_word() -> None:
    with http_server(Reply(204)) as gateway:
        said = codelab("sessions", "delete", "6f1c", "--url", gateway.url, "--token", "t")

    assert (said.exit_code, said.output) == (0, "")
    assert gateway.requests[-1:] == [("DELETE", "/api/v1/sessions/6f1c", "Bearer t")]
