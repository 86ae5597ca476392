"""The terminal client against the real services: tools, reviews, resume."""

import asyncio
import json
import secrets
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx2
import pytest

from codelab_core.clock import jitter_source
from fakes.repository import Repository
from fakes.tcp_proxy import tcp_proxy
from harness.person import Record, person
from harness.services import Services

FIVE = "\n".join(f"word {n}" if n % 10 == 0 else f"line {n}" for n in range(1, 56)) + "\n"


def _has_welcomes(count: int, seen: Record) -> bool:
    return len(seen.of("welcome")) >= count


def _has_frames(count: int, seen: Record) -> bool:
    return len(seen.frames) >= count


async def results(platform: Services, session_id: str) -> list[Any]:
    """What the model was told of all calls of a session."""
    async with httpx2.AsyncClient(trust_env=False) as http:
        url = f"{platform.gateway_url}/api/v1/sessions/{session_id}/history"
        messages = (await http.get(url)).json()["messages"]
    return [json.loads(m["content"]) for m in messages if m["role"] == "tool"]


async def test_a_turn_of_2000_tokens_survives_20_random_cuts(
    platform: Services, workspace: Path
) -> None:
    """S-05, G-09, W-03: no gap, no double, whatever the socket does."""
    port = urlsplit(platform.gateway_url).port or 0
    async with (
        tcp_proxy(port) as proxy,
        person(f"http://127.0.0.1:{proxy.port}", workspace) as (session, record),
        asyncio.TaskGroup() as tasks,
    ):
        answer = tasks.create_task(session.ask("write 2000 tokens at 250 per second"))
        await record.until(lambda seen: bool(seen.of("turn_started")))
        for cuts in range(1, 21):
            seen_before = len(record.frames)
            proxy.cut()
            await record.until(partial(_has_welcomes, cuts + 1))
            more = jitter_source().randint(1, 12)
            await record.until(partial(_has_frames, seen_before + more + 1))
        assert not answer.done()

    expected = " ".join(f"t{n:05d}" for n in range(1, 2001))
    texts = [session.transcript.text(name) for name in session.transcript.texts]
    assert answer.result()["reason"] == "completed"
    assert [" ".join(text.split()) for text in texts] == [expected]
    assert session.transcript.finals == 1
    seqs = [frame["seq"] for frame in record.frames if "seq" in frame]
    assert seqs == sorted(set(seqs))
    assert len(record.of("welcome")) == 21


async def test_a_replacement_reaches_every_file(platform: Services, workspace: Path) -> None:
    """F-02, T-01, T-04, T-05, P-15."""
    files = {f"src/m{n}.py": f"def old_name_{n}():\n    return old_name()\n" for n in range(45)}
    for path, text in files.items():
        (workspace / path).parent.mkdir(exist_ok=True)
        (workspace / path).write_text(text)

    async with person(platform.gateway_url, workspace) as (session, record):
        completed = await session.ask('replace "old_name" with "new_name" in src/**/*.py')

    assert completed["reason"] == "completed"
    found = {path: (workspace / path).read_text() for path in files}
    assert found == {path: text.replace("old_name", "new_name") for path, text in files.items()}
    assert {frame["outcome"] for frame in record.of("tool_resolved")} == {"completed"}


async def test_parallel_calls_run_at_once_and_writes_to_one_file_in_order(
    platform: Services, workspace: Path
) -> None:
    """P-15: the model goes on once, after the last of the results."""
    for name in ("a", "b", "c"):
        (workspace / name).write_text(f"this is {name}\n")
    reads = " and ".join(f'read_file with {{"path": "{name}"}}' for name in ("a", "b", "c"))
    writes = " and ".join(
        f'write_file with {{"path": "n", "content": "{text}"}}' for text in ("one", "two")
    )

    async with person(platform.gateway_url, workspace) as (session, record):
        read = await session.ask(f"call {reads}")
        wrote = await session.ask(f"call {writes}")

    steps = [
        (frame["type"], frame["call_id"])
        for frame in record.frames
        if frame["type"] == "tool_call" or frame.get("phase") == "result"
    ]
    assert sorted(steps[:3]) == [("tool_call", f"c1-1-{n}") for n in range(3)]
    assert sorted(steps[3:6]) == [("tool_resolved", f"c1-1-{n}") for n in range(3)]
    assert steps[6:] == [
        *(("tool_call", "c2-1-0"), ("tool_resolved", "c2-1-0")),
        *(("tool_call", "c2-1-1"), ("tool_resolved", "c2-1-1")),
    ]
    assert [turn["usage"]["inferences"] for turn in (read, wrote)] == [2, 2]
    assert (workspace / "n").read_text() == "two"


async def test_only_the_chosen_hunks_are_applied(platform: Services, workspace: Path) -> None:
    """R-17: hunks 1 and 3 of five, nothing else; the model is told which were refused."""
    (workspace / "a.txt").write_text(FIVE)

    async with person(platform.gateway_url, workspace, "1,3", "hunks") as (session, _):
        completed = await session.ask('replace "word" with "WORD" in a.txt')
    told = await results(platform, "hunks")

    review = next(body for body in told if "chunks_selected" in body)
    assert (review["chunks_selected"], review["chunks_total"]) == ([1, 3], 5)
    assert len(review["refused"]) == 3
    applied = told[-1]
    assert [hunk["new_start"] for hunk in applied["applied"]] == [7, 27]
    assert applied["files_modified"] == ["a.txt"]

    expected = FIVE.replace("word 10\n", "WORD 10\n").replace("word 30\n", "WORD 30\n")
    assert (workspace / "a.txt").read_text() == expected
    assert completed["reason"] == "completed"


async def test_nothing_chosen_leaves_the_file_alone(platform: Services, workspace: Path) -> None:
    """R-17."""
    (workspace / "a.txt").write_text(FIVE)

    async with person(platform.gateway_url, workspace, "none") as (session, _):
        await session.ask('replace "word" with "WORD" in a.txt')
        texts = list(session.transcript.texts)

    assert (workspace / "a.txt").read_text() == FIVE
    assert session.transcript.text(texts[-1]).endswith("Nothing changed.")


async def test_what_is_read_is_in_the_answer(platform: Services, workspace: Path) -> None:
    """T-01: a marker that nobody can know without the file."""
    marker = secrets.token_hex(16)
    (workspace / "README.md").write_text(f"# A project\n\n{marker}\n")

    async with person(platform.gateway_url, workspace) as (session, _):
        await session.ask("Read the README file")
        texts = list(session.transcript.texts)

    assert marker in session.transcript.text(texts[-1])


async def test_the_last_commit_the_index_and_the_working_tree_are_explained(
    platform: Services, workspace: Path
) -> None:
    """T-03: on a repository that git made."""
    repository = await Repository.made(workspace)
    await repository.commit(a_py="first = 1\n")
    await repository.commit(a_py="second = 2\n")
    repository.write("a.py", "staged = 3\n")
    await repository.git("add", "-A")
    repository.write("a.py", "working = 4\n")

    async with person(platform.gateway_url, workspace, session_id="git") as (session, record):
        answers = []
        for text in (
            "Show me what changed in the last commit",
            "show the diff of a.py staged",
            "show the diff",
        ):
            await session.ask(text)
            answers.append(session.transcript.text([*session.transcript.texts][-1]))

    assert [frame["arguments"] for frame in record.of("tool_call")] == [
        {"revision": "HEAD~1..HEAD"},
        {"path": "a.py", "staged": True},
        {},
    ]
    assert answers == ["1 files changed:\n- a.py (+1 -1)"] * 3
    changes = [("first = 1", "second = 2"), ("second = 2", "staged = 3")]
    changes.append(("staged = 3", "working = 4"))
    found = [body["diff"].splitlines()[-2:] for body in await results(platform, "git")]
    assert found == [[f"-{old}", f"+{new}"] for old, new in changes]


@pytest.mark.parametrize(("answers", "written"), [("all", True), ("none", False)])
async def test_a_write_asks_first(
    platform: Services, workspace: Path, answers: str, *, written: bool
) -> None:
    """T-02, X-17."""
    async with person(platform.gateway_url, workspace, answers) as (session, record):
        await session.ask('write "hello" to new.txt')

    assert (workspace / "new.txt").exists() is written
    assert [frame["requires_approval"] for frame in record.of("tool_call")] == [True]


async def test_a_question_is_answered(platform: Services, workspace: Path) -> None:
    """T-06."""
    async with person(platform.gateway_url, workspace) as (session, record):
        await session.ask('ask me "Go on?" with options Yes, No')
        texts = list(session.transcript.texts)

    assert "Yes" in session.transcript.text(texts[-1])
    assert [frame["tool_name"] for frame in record.of("tool_call")] == ["prompt_user"]


async def test_a_path_outside_the_workspace_is_refused_before_any_client_sees_it(
    platform: Services, workspace: Path
) -> None:
    """T-09: the model is told, the turn goes on."""
    async with person(platform.gateway_url, workspace) as (session, record):
        completed = await session.ask('call read_file with {"path": "../secret"}')
        texts = list(session.transcript.texts)

    assert completed["reason"] == "completed"
    assert record.of("tool_call") == []
    assert "INVALID_PATH" in session.transcript.text(texts[-1])


async def test_a_session_is_gone_on_with_by_its_id(platform: Services, workspace: Path) -> None:
    """S-02, R-06."""
    async with person(platform.gateway_url, workspace, session_id="mine") as (session, _):
        await session.ask("echo one")
    async with person(platform.gateway_url, workspace, session_id="mine") as (session, _):
        await session.ask("echo two")
        texts = [session.transcript.text(name) for name in session.transcript.texts]

    assert texts == ["Echo: one", "Echo: two"]
