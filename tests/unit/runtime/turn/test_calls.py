from dataclasses import replace
from typing import Any

import pytest

from codelab_runtime.offered import Offered
from codelab_runtime.turn.calls import MAX_IN_FLIGHT, TREE, Touch, releasable, touch
from codelab_runtime.turn.state import Call

DIFF = "--- a/src/A.py\n+++ b/src/b.py\t2026\n@@ -1 +1 @@\n-x\n+y\n"
V4A = "*** Begin Patch\n*** Update File: a\n*** Move to: b\n*** Add File: c\n"


def call(tool: str, call_id: str = "c1", **arguments: Any) -> Call:
    return Call(call_id, tool, arguments)


def tool(kind: str | None, reads: tuple[str, ...] = (), writes: tuple[str, ...] = ()) -> Offered:
    return Offered("x", kind, "", {}, reads, writes)


@pytest.mark.parametrize(
    ("asked", "offered", "wanted"),
    [
        (call("read_file", path="A"), None, Touch(reads=frozenset({"a"}))),
        (call("read_file"), None, Touch(reads=TREE)),
        (call("write_file", path="A"), None, Touch(writes=frozenset({"a"}))),
        (call("git.diff"), None, Touch(reads=TREE)),
        (call("apply_patch", diff=DIFF), None, Touch(writes=frozenset({"src/a.py", "src/b.py"}))),
        (call("apply_patch", diff=V4A), None, Touch(writes=frozenset({"a", "b", "c"}))),
        (call("apply_patch", diff="?"), None, Touch(writes=TREE)),
        (call("apply_patch_review", diff=DIFF), None, Touch(question=True)),
        (call("prompt_user"), None, Touch(question=True)),
        (call("x"), None, Touch()),
        (call("x"), tool("prompt"), Touch(question=True)),
        (call("x"), tool("read"), Touch(reads=TREE)),
        (call("x", p="A"), tool("read", ("p",)), Touch(reads=frozenset({"a"}))),
        (call("x", p="A"), tool("read", (), ("p",)), Touch(reads=frozenset({"a"}))),
        (call("x"), tool("write"), Touch(writes=TREE)),
        (
            call("x", p=["A", 7], q="B"),
            tool("write", ("q",), ("p",)),
            Touch(reads=frozenset({"b"}), writes=frozenset({"a"})),
        ),
        (call("x"), tool(None), Touch(writes=TREE)),
    ],
)
def test_what_a_call_touches(asked: Call, offered: Offered | None, wanted: Touch) -> None:
    assert touch(asked, offered) == wanted


def test_a_placed_patch_touches_its_files_exactly() -> None:
    placed = Call("c1", "apply_patch", {"diff": DIFF}, guard={"files": [{"path": "Z"}]})

    assert touch(placed, None) == Touch(writes=frozenset({"z"}))


READ_A, READ_B = Touch(reads=frozenset("a")), Touch(reads=frozenset("b"))
WRITE_A, READ_TREE = Touch(writes=frozenset("a")), Touch(reads=TREE)
WRITE_TREE, ASK = Touch(writes=TREE), Touch(question=True)


@pytest.mark.parametrize(
    ("one", "other", "conflict"),
    [
        (READ_A, READ_A, False),
        (READ_A, READ_TREE, False),
        (READ_A, WRITE_A, True),
        (READ_B, WRITE_A, False),
        (WRITE_A, WRITE_A, True),
        (WRITE_A, READ_TREE, True),
        (READ_B, WRITE_TREE, True),
        (ASK, ASK, True),
        (ASK, WRITE_TREE, False),
        (Touch(), WRITE_TREE, False),
    ],
)
def test_calls_conflict_where_one_writes(one: Touch, other: Touch, *, conflict: bool) -> None:
    assert one.conflicts_with(other) == conflict
    assert other.conflicts_with(one) == conflict


def released(*calls: Call) -> list[str]:
    return [found.call_id for found in releasable(calls, lambda asked: touch(asked, None))]


def test_a_call_waits_for_earlier_ones_that_it_conflicts_with() -> None:
    write_a = call("write_file", "c1", path="a")
    read_b = call("read_file", "c2", path="b")
    read_a = call("read_file", "c3", path="a")
    write_b = call("write_file", "c4", path="b")

    assert released(write_a, read_b, read_a, write_b) == ["c1", "c2"]


def test_a_call_with_an_outcome_holds_up_nobody() -> None:
    done = Call("c1", "write_file", {"path": "a"}, phase="settled")
    running = Call("c2", "write_file", {"path": "b"}, phase="open")

    assert released(done, running, call("read_file", "c3", path="a")) == ["c3"]
    assert released(running, call("read_file", "c4", path="b")) == []


def test_at_most_eight_calls_run_at_once() -> None:
    running = [Call(f"r{n}", "read_file", {"path": "a"}, phase="open") for n in range(6)]
    waiting = [call("read_file", f"w{n}", path="a") for n in range(6)]

    assert released(*running, *waiting) == ["w0", "w1"]
    assert len(released(*waiting, *waiting)) == MAX_IN_FLIGHT


def test_a_patch_done_by_writes_holds_up_only_what_its_writes_do() -> None:
    patch = replace(call("apply_patch", diff=DIFF), phase="split")
    write = replace(call("write_file", "w", path="src/b.py"), parent="c1")
    calls = (
        write,
        patch,
        call("read_file", "r", path="src/a.py"),
        call("read_file", "s", path="src/b.py"),
    )

    found = releasable(calls, lambda one: touch(one, None))

    assert [one.call_id for one in found] == ["w", "r"]  # that of src/a.py is written already


def test_the_writes_of_a_patch_are_asked_for_in_their_order() -> None:
    def write(name: str, phase: Any = "planned") -> Call:
        return replace(call("write_file", name, path=name), parent="c1", phase=phase)

    def next_of(*writes: Call) -> list[str]:
        return [one.call_id for one in releasable(writes, lambda one: touch(one, None))]

    assert next_of(write("a"), write("b"), write("c")) == ["a"]
    assert next_of(write("a", "open"), write("b"), write("c")) == ["b"]
    assert next_of(write("a", "settled"), write("b", "open"), write("c")) == ["c"]
