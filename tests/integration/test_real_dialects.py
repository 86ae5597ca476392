"""All six tools through the whole system, driven by a provider that speaks its own dialect."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson
import pytest

from codelab_client.dialog_types import Decision
from codelab_core.protocol.events import SERVER_FRAME, ToolCall
from fakes.repository import Repository
from fakes.scripted_upstream import scripted_actor
from fakes.upstreams import upstream
from harness.person import person
from harness.providers import KEY, config_file, provider
from harness.services import Wanted, services

KINDS = ["openai-compatible", "anthropic", "ollama"]
TASK = (
    'think about names then replace "old" with "new" in a.py, b.py then show the diff'
    ' then write "hello" to c.txt then ask me "Good?" with options Yes, No'
    ' then write "secret" to d.txt'
)
CALLED = [
    *("read_file", "read_file"),
    *("apply_patch_review", "apply_patch", "git.diff", "write_file", "prompt_user", "write_file"),
]
BETWEEN = "".join(f"line_{n} = {n}\n" for n in range(20))
"""Lines that part two hunks."""


@dataclass
class Careful:
    """A person who takes hunks 1 and 3 of a review, and lets nothing be written to `d.txt`."""

    approved: list[str] = field(default_factory=list)
    reviewed: list[tuple[int, str]] = field(default_factory=list)

    async def review(self, call: ToolCall) -> dict[str, Any]:
        hunks = (call.review or {})["hunks"]
        self.reviewed = [(hunk["ordinal"], hunk["path"]) for hunk in hunks]
        choices = {
            hunk["hunk_id"]: {"decision": "refuse" if hunk["ordinal"] == 2 else "apply"}
            for hunk in hunks
        }
        return {"action": "apply", "hunks": choices}

    async def prompt(self, call: ToolCall) -> dict[str, Any]:
        return {"action": "No"}

    async def approve(self, call: ToolCall) -> Decision:
        path = str(call.arguments["path"])
        self.approved.append(path)
        return Decision("approve") if path == "c.txt" else Decision("reject", feedback="Not that.")


@pytest.fixture(autouse=True)
def _key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TEST_KEY", KEY)


def unlike_the_types(frames: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Those of the frames that the published types do not take as they are."""
    wire = [orjson.dumps(frame) for frame in frames]
    return [
        orjson.loads(text) for text in wire if SERVER_FRAME.validate_json(text).encode() != text
    ]


async def test_all_six_tools_work_with_the_built_in_model(
    store_server: str, tmp_path: Path
) -> None:
    """G-11, G-12, R-12: what clients see is the same protocol, whoever answers."""
    workspace = tmp_path / "workspace"
    repository = await Repository.made(workspace)
    await repository.commit(a_py="old = 1\n", b_py="old = 2\n")

    async with (
        services(store_server, tmp_path) as platform,
        person(platform.gateway_url, workspace, Careful()) as (session, record),
    ):
        completed = await session.ask(TASK)

    assert [frame["tool_name"] for frame in record.of("tool_call")] == CALLED
    assert completed["reason"] == "completed"
    assert (workspace / "a.py").read_text() == "new = 1\n"
    assert unlike_the_types(record.frames) == []


@pytest.mark.parametrize("kind", KINDS)
async def test_all_six_tools_work_in_every_dialect(
    kind: str, store_server: str, tmp_path: Path
) -> None:
    """G-11, G-12, P-06, P-07, P-11, P-13 to P-15, R-07, R-17, X-07: `git.diff` is `git_diff`."""
    workspace, careful = tmp_path / "workspace", Careful()
    repository = await Repository.made(workspace)
    await repository.commit(a_py=f"old = 1\n{BETWEEN}old = 2\n", b_py="old = 2\n")

    async with upstream(scripted_actor(kind)) as acting:
        model = {"id": "m-1", "context_window": 100_000, "thinking": kind == "anthropic"}
        file = config_file(tmp_path, provider(kind, acting.url, models=[model]))
        wanted = Wanted(llmproxy={"config_file": file})
        async with (
            services(store_server, tmp_path, wanted) as platform,
            person(platform.gateway_url, workspace, careful) as (session, record),
        ):
            completed = await session.ask(TASK)

    text = "".join(frame["token"] for frame in record.of("assistant_message"))
    calls = record.of("tool_call")
    assert [call["tool_name"] for call in calls] == CALLED
    assert completed["reason"] == "completed"
    assert {call["call_id"] for call in calls[:2]} == {"c1-1-0", "c1-1-1"}  # of one answer
    assert careful.reviewed == [(1, "a.py"), (2, "a.py"), (3, "b.py")]
    assert careful.approved == ["c.txt", "d.txt"]
    assert (workspace / "a.py").read_text() == f"new = 1\n{BETWEEN}old = 2\n"
    assert (workspace / "b.py").read_text() == "new = 2\n"
    assert (workspace / "c.txt").read_text() == "hello"
    assert not (workspace / "d.txt").exists()
    assert "Applied 2 of 3 hunks in 2 files." in text
    assert "You chose No." in text
    assert "Not that (REJECTED)." in text
    assert unlike_the_types(record.frames) == []
    last = acting.asked[-1]
    assert [*_names(kind, last.body)] == [name.replace(".", "_") for name in CALLED]
    assert b"git.diff" not in last.raw
    if kind == "anthropic":
        assert last.raw.count(b'"signature":"c2lnbmF0dXJl') == 1  # the one answer that thought


def _names(kind: str, body: dict[str, Any]) -> Iterator[str]:
    """The calls in the history of a request, by the names that the provider gets."""
    for message in body["messages"]:
        if kind == "anthropic":
            blocks = (block for block in message["content"] if block["type"] == "tool_use")
            yield from (block["name"] for block in blocks)
        else:
            yield from (call["function"]["name"] for call in message.get("tool_calls", ()))
