import os
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from codelab_client.effects import Effects, NewFile, Outcome, Request, record_answer
from codelab_client.guard import Guard
from codelab_client.journal import CallKey, Record
from codelab_client.workspace import Seen
from codelab_core.patch.text import sha256_of
from codelab_core.protocol.events import ToolCall
from codelab_core.tool_errors import ToolError
from fakes.crash_client import KILLED, CrashClient
from fakes.memory import memory_folder
from fakes.tool_bench import ToolBench, guard, rename_guard, tool_call

KEY = CallKey("c1-1-0", "digest")

Files = dict[str, bytes | None]


@pytest.fixture
def bench(tmp_path: Path) -> ToolBench:
    made = ToolBench(tmp_path)
    made.write("a", b"a1")
    made.write("b", b"b1")
    return made


def shown(outcome: Outcome) -> dict[str, Any]:
    return {"already": outcome.already, "changed": outcome.changed}


def request(new: Files, guarded: dict[str, Any] | None = None) -> Request:
    """A call that shall make `new` of whatever it is given."""

    def make(seen: Mapping[str, Seen]) -> dict[str, NewFile]:
        return {path: NewFile(new[path]) for path in seen}

    read = None if guarded is None else Guard.model_validate(guarded)
    return Request(KEY, list(new), read, make, shown)


def carry_out(bench: ToolBench, asked: Request) -> dict[str, Any]:
    return Effects(bench.workspace, bench.journal).carry_out(asked)


def failure(bench: ToolBench, asked: Request) -> dict[str, Any]:
    with pytest.raises(ToolError) as caught:
        carry_out(bench, asked)
    return caught.value.to_wire()


NEW: Files = {"a": b"a2", "b": None, "d": b"d2"}
GUARD = guard(("a", b"a1", b"a2"), ("b", b"b1", None), ("d", None, b"d2"))


@pytest.mark.parametrize("guarded", [GUARD, None], ids=["guarded", "by-hand"])
def test_files_are_written_and_the_result_is_on_record(
    bench: ToolBench, guarded: dict[str, Any] | None
) -> None:
    result = carry_out(bench, request(NEW, guarded))

    assert result == {"already": False, "changed": True}
    assert bench.files() == {"a": b"a2", "d": b"d2"}
    record = Record(GUARD["files"], applied=True, answer={"result": result})
    assert record == bench.restarted().journal.record(KEY)


def test_what_is_done_already_is_not_written_again(bench: ToolBench) -> None:
    carry_out(bench, request(NEW, GUARD))
    before = (bench.root / "a").stat().st_mtime_ns

    result = carry_out(bench, request(NEW, GUARD))

    assert result == {"already": True, "changed": False}
    assert before == (bench.root / "a").stat().st_mtime_ns


def test_the_same_content_is_success_without_a_change(bench: ToolBench) -> None:
    result = carry_out(bench, request({"a": b"a1"}, guard(("a", b"a1", b"a1"))))

    assert result == {"already": False, "changed": False}
    assert bench.journal.record(KEY).files is None


def test_a_third_content_is_left_alone(bench: ToolBench) -> None:
    bench.write("a", b"edited")

    error = failure(bench, request(NEW, GUARD))

    shas = {"expected_sha": sha256_of(b"a1"), "actual_sha": sha256_of(b"edited")}
    assert ("CONFLICT", {"class": "stale_base", "path": "a", **shas}) == (
        error["code"],
        error["details"],
    )
    assert bench.files() == {"a": b"edited", "b": b"b1"}


def test_half_done_without_a_record_is_for_a_person(bench: ToolBench) -> None:
    bench.write("a", b"a2")

    error = failure(bench, request(NEW, GUARD))

    assert error["details"]["class"] == "unknown_outcome"
    assert bench.files() == {"a": b"a2", "b": b"b1"}


def test_half_done_with_an_intent_is_finished(bench: ToolBench) -> None:
    bench.journal.intend(KEY, GUARD["files"])
    bench.write("a", b"a2")

    result = carry_out(bench, request(NEW, GUARD))

    assert result == {"already": False, "changed": True}
    assert bench.files() == {"a": b"a2", "d": b"d2"}


def test_a_call_by_hand_is_finished_by_the_hashes_of_its_intent(bench: ToolBench) -> None:
    bench.journal.intend(KEY, GUARD["files"])
    bench.write("a", b"a2")

    carry_out(bench, request(NEW))

    assert bench.files() == {"a": b"a2", "d": b"d2"}


def test_an_intent_that_cannot_be_read_is_an_intent_without_hashes(bench: ToolBench) -> None:
    bench.journal.intend(KEY, [{"path": "a"}])

    carry_out(bench, request({"a": b"a2"}))

    assert bench.files()["a"] == b"a2"


@pytest.mark.parametrize(
    ("new", "path"),
    [
        pytest.param({**NEW, "a": b"a3"}, "a", id="other-content"),
        pytest.param({**NEW, "b": b"b2"}, "b", id="not-removed"),
        pytest.param({**NEW, "d": None}, "d", id="not-made"),
    ],
)
def test_what_was_not_approved_is_not_written(bench: ToolBench, new: Files, path: str) -> None:
    error = failure(bench, request(new, GUARD))

    facts = {"path": path, "reason": "post_mismatch"}
    assert ("PATCH_APPLY_FAILED", facts) == (error["code"], error["details"])
    assert bench.files() == {"a": b"a1", "b": b"b1"}


@pytest.mark.parametrize(
    ("made", "path"),
    [
        pytest.param({"a": NewFile(b"a2"), "x": NewFile(b"x")}, "x", id="one-more"),
        pytest.param({}, "a", id="one-less"),
    ],
)
def test_nothing_outside_the_guard_is_touched(
    bench: ToolBench, made: dict[str, NewFile], path: str
) -> None:
    guarded = Guard.model_validate(guard(("a", b"a1", b"a2")))

    error = failure(bench, Request(KEY, ["a"], guarded, lambda _seen: made, shown))

    assert {"path": path, "reason": "post_mismatch"} == error["details"]
    assert bench.files() == {"a": b"a1", "b": b"b1"}


def test_a_half_done_rename_loses_the_old_name_only(bench: ToolBench) -> None:
    moved = rename_guard("a", "n", b"a1", b"n2")
    bench.journal.intend(KEY, moved["files"])
    bench.write("n", b"n2")

    carry_out(bench, request({"a": None, "n": b"never asked for"}, moved))

    assert bench.files() == {"b": b"b1", "n": b"n2"}


def test_a_move_by_hand_is_recorded_as_a_rename(bench: ToolBench) -> None:
    def make(_seen: Mapping[str, Seen]) -> dict[str, NewFile]:
        return {"a": NewFile(None), "n": NewFile(b"a1", old_path="a")}

    carry_out(bench, Request(KEY, ["a", "n"], None, make, shown))

    assert rename_guard("a", "n", b"a1", b"a1")["files"] == bench.journal.record(KEY).files


def test_a_file_above_the_limit_is_refused(bench: ToolBench) -> None:
    asked = Request(KEY, ["a"], None, lambda _seen: {}, shown, limit=1)

    assert failure(bench, asked)["code"] == "FILE_TOO_LARGE"


def test_a_failed_write_leaves_an_intent_and_no_effect(bench: ToolBench) -> None:
    """A failing rename: the target became a folder after it was seen."""

    def interfere(step: str) -> None:
        if step == "staged:0":
            (bench.root / "a").unlink()
            (bench.root / "a").mkdir()

    broken = bench.restarted(on_step=interfere)

    error = failure(broken, request({"a": b"a2"}))

    assert error["code"] == "NOT_A_FILE"
    assert (
        bench.journal.record(KEY).files is not None,
        bench.journal.record(KEY).applied,
    ) == (True, False)


def test_a_journal_that_cannot_be_kept_stops_the_call_before_its_effect(bench: ToolBench) -> None:
    bench.state.write_text("a file in place of the folder")

    with pytest.raises(FileExistsError):
        carry_out(bench, request(NEW, GUARD))

    assert bench.files() == {"a": b"a1", "b": b"b1"}


def test_an_answer_that_cannot_be_recorded_is_only_logged(
    bench: ToolBench, caplog: pytest.LogCaptureFixture
) -> None:
    bench.state.write_text("a file in place of the folder")

    record_answer(bench.journal, KEY, {"result": {}})

    assert caplog.messages == ["answer not recorded"]


def test_leftovers_of_calls_that_died_are_swept(bench: ToolBench) -> None:
    bench.journal.intend(KEY, GUARD["files"])
    bench.journal.intend(CallKey("c2", "other"), [{"path": "unreadable"}])
    bench.write(".codelab-c1-1-0-0", b"staged")

    Effects(bench.workspace, bench.journal).sweep()

    assert bench.files() == {"a": b"a1", "b": b"b1"}


def test_a_second_client_waits_until_the_first_has_written(bench: ToolBench) -> None:
    """Both have the call: the first lost its connection and does not know."""
    paused, go_on = threading.Event(), threading.Event()
    order: list[str] = []

    def pause(step: str) -> None:
        if step == "staged:0":
            paused.set()
            go_on.wait(5)

    def run(name: str, client: ToolBench) -> None:
        order.append(f"{name} {carry_out(client, request(NEW, GUARD))['already']}")

    first = threading.Thread(target=run, args=("first", bench.restarted(on_step=pause)))
    second = threading.Thread(target=run, args=("second", bench.restarted()))
    first.start()
    paused.wait(5)
    second.start()
    second.join(0.05)
    waited = second.is_alive()
    go_on.set()
    first.join(5)
    second.join(5)

    assert waited
    assert order == ["first False", "second True"]


def test_each_step_is_durable_before_the_next(
    bench: ToolBench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Power may fail at any moment: intent, staged content, names, answer, in this order."""
    done: list[str] = []
    fsync, replace, unlink = os.fsync, os.replace, os.unlink

    def note_fsync(descriptor: int) -> None:
        file = Path(f"/proc/self/fd/{descriptor}").resolve()
        done.append(f"sync {'folder' if file.is_dir() else file.suffix or file.name}")
        fsync(descriptor)

    def note_replace(name: str, target: str, **folders: int) -> None:
        done.append(f"rename {target}")
        replace(name, target, **folders)

    def note_unlink(name: str, **folders: int) -> None:
        if not name.startswith(".codelab"):
            done.append(f"remove {name}")
        unlink(name, **folders)

    for name, note in (("fsync", note_fsync), ("replace", note_replace), ("unlink", note_unlink)):
        monkeypatch.setattr(os, name, note)
    carry_out(bench, request(NEW, GUARD))

    assert [
        "sync .jsonl",
        *("sync .codelab-c1-1-0-0", "sync .codelab-c1-1-0-2"),
        *("rename a", "rename d", "remove b"),
        *(["sync folder"] * 3),
        "sync .jsonl",
    ] == done


# A client that is killed, for each kind of write. Before and after are the whole workspace.

MOVE = "diff --git a/src/m b/src/n\nrename from src/m\nrename to src/n\n"
PATCH = (
    "diff --git a/a b/a\n--- a/a\n+++ b/a\n@@ -1 +1,2 @@\n one\n+two\n"
    "diff --git a/b b/b\ndeleted file mode 100644\n--- a/b\n+++ /dev/null\n@@ -1 +0,0 @@\n-gone\n"
    "diff --git a/new/d b/new/d\nnew file mode 100644\n--- /dev/null\n+++ b/new/d\n"
    "@@ -0,0 +1 @@\n+d\n"
)
BEFORE = {"a": b"one\n", "b": b"gone\n", "src/m": b"moved\n"}
AFTER = {"a": b"one\ntwo\n", "new/d": b"d\n", "src/n": b"moved\n"}
PATCH_GUARD = guard(("a", b"one\n", b"one\ntwo\n"), ("b", b"gone\n", None), ("new/d", None, b"d\n"))
PATCH_GUARD["files"] += rename_guard("src/m", "src/n", b"moved\n", b"moved\n")["files"]

CALLS = {
    "patch": (tool_call("apply_patch", guard=PATCH_GUARD, diff=PATCH + MOVE), AFTER),
    "patch-by-hand": (tool_call("apply_patch", diff=PATCH + MOVE), AFTER),
    "replace": (
        tool_call("write_file", guard=guard(("a", b"one\n", b"new\n")), path="a", content="new\n"),
        {**BEFORE, "a": b"new\n"},
    ),
    "create": (
        tool_call("write_file", path="x/y/z", content="made\n"),
        {**BEFORE, "x/y/z": b"made\n"},
    ),
}
SCHEDULES = settings().max_examples
"""A hundred, or what the profile says; twice as many runs of the two tests together."""
STEPS = (
    *("intent:before", "intent:after"),
    *(f"staged:{number}" for number in range(5)),
    *(f"swapped:{number}" for number in range(5)),
    *("effect:after", "result:before"),
)
EDITS = [
    (name, path)
    for name, (_, after) in CALLS.items()
    for path in sorted({*BEFORE, *after})
    if BEFORE.get(path) != after.get(path)
]


class KilledError(BaseException):
    """Stands for the end of the client: nothing here catches it, nothing is cleaned up for it."""


@pytest.fixture(scope="module")
def crashing() -> Iterator[CrashClient]:
    with CrashClient() as client:
        yield client


def fresh(folder: str | Path) -> ToolBench:
    bench = ToolBench(Path(folder))
    for path, content in BEFORE.items():
        bench.write(path, content)
    return bench


async def killed(bench: ToolBench, call: ToolCall, at: str) -> bool:
    """Run a call with a client that dies at a step; whether it came so far."""

    def die(step: str) -> None:
        if step == at:
            raise KilledError

    try:
        await bench.restarted(on_step=die).answer(call)
    except KilledError:
        return True
    return False


@pytest.mark.parametrize("step", STEPS)
async def test_a_killed_process_leaves_what_the_next_one_finishes(
    crashing: CrashClient, tmp_path: Path, step: str
) -> None:
    """docs/tools.md: killed before intent, after it, after each stage and rename, before result."""
    call, after = CALLS["patch"]
    bench = fresh(tmp_path)

    end = crashing.run(bench.folder, call, step)
    answer = await bench.answer(call)

    assert end == KILLED
    assert answer["result"]["success"] is True
    assert after == bench.files()


@settings(max_examples=SCHEDULES * 14 // 10, deadline=None)
@given(
    name=st.sampled_from(sorted(CALLS)),
    kills=st.lists(st.sampled_from(STEPS), min_size=1, max_size=3),
)
async def test_however_often_its_client_dies_a_call_has_its_effect_once(
    name: str, kills: list[str]
) -> None:
    call, after = CALLS[name]
    with memory_folder() as folder:
        bench = fresh(folder)
        for step in kills:
            await killed(bench, call, step)

        answers = [await client.answer(call) for client in (bench, bench.restarted())]

        assert after == bench.files()
        assert answers[0]["result"]["success"] is True
        assert answers[0] == answers[1]


@settings(max_examples=SCHEDULES * 6 // 10, deadline=None)
@given(edit=st.sampled_from(EDITS), step=st.sampled_from(STEPS))
async def test_a_person_who_edits_after_the_crash_loses_nothing(
    edit: tuple[str, str], step: str
) -> None:
    name, path = edit
    call, _ = CALLS[name]
    assume(call.guard is not None or step != "intent:before")  # else nothing is on record
    with memory_folder() as folder:
        bench = fresh(folder)
        assume(await killed(bench, call, step))
        bench.write(path, b"edited")
        edited = {name: text for name, text in bench.files().items() if ".codelab" not in name}

        answer = await bench.answer(call)

        facts = answer["error"]["details"]
        assert ("stale_base", path) == (facts["class"], facts["path"])
        assert edited == bench.files()
