"""A patch for a client that can only write files: one call for each, reported as one."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codelab_core.approval_rules import ApprovalRule
from codelab_core.patch.text import sha256_of
from codelab_runtime.actions import work_out
from codelab_runtime.preparing import Split
from codelab_runtime.turn import records as rec
from codelab_runtime.turn.draft import Draft
from codelab_runtime.turn.facts import Compute, Rules, TimerFired
from codelab_runtime.turn.split_record import FileWrite, ToolSplit
from codelab_runtime.turn.splitting import settle_splits, split_up
from codelab_runtime.turn.state import Call, with_turn
from fakes.turns import START_MS, Session, bare, bodies

WRITER = ["read_file", "write_file"]
OLD, NEW = {"a": "one\ntwo\n", "b": "x\r\ny\r\n"}, {"a": "one\n2\n", "b": "z\r\ny\r\n"}
DIFF = "--- a/b\n+++ b/b\n@@ @@\n-x\n+z\n y\n--- a/a\n+++ b/a\n@@ @@\n one\n-two\n+2\n"
PATCH = "c1-2-0"
FIRST, SECOND = f"{PATCH}-f0", f"{PATCH}-f1"
CLOSED = {"code": "CONFLICT", "message": "changed", "details": {"path": "a"}}


def compute(session: Session) -> None:
    """Work out everything that waits for it, as a worker does."""
    while session.turn.computing:
        name = max(session.turn.computing)  # threads are done in any order
        call = session.turn.call(name)
        assert call is not None
        effect = Compute(name, "edit" if call.answer else "prepare", _given(call))
        session.work_out(name, work_out(effect, session.state, session.turn, call, session.rules))


def _given(call: Call) -> Any:
    return call.answer.given if call.answer else {}


def patched(diff: str = DIFF, *, mode: str = "v1", **rules: Any) -> Session:
    """A session whose client reads and writes; it has read both files, then patches them."""
    session = Session(Rules(**rules))
    session.attach(mode, tools=WRITER)
    session.say()
    session.answer("", *[("read_file", {"path": path}) for path in OLD])
    compute(session)
    for n, text in enumerate(OLD.values()):
        session.result(f"c1-1-{n}", result={"success": True, "content": text})
    session.answer("", ("apply_patch", {"diff": diff}))
    compute(session)
    return session


def finished(session: Session, *, reject: tuple[str, ...] = ()) -> None:
    """The person approves, or not, and the client writes what was approved."""
    for name in (FIRST, SECOND):
        decision = "reject" if name in reject else "approve"
        session.command("hitl_decision", call_id=name, decision=decision, feedback="no", by="ann")
        if name not in reject:
            session.result(name, result={"success": True, "bytes_written": 1})
        compute(session)


def told(session: Session) -> Any:
    """What the model was told of the patch."""
    return next(m.body for m in session.state.history if m.call_id == PATCH)


def guard(path: str, old: str, new: str) -> dict[str, str]:
    shas = {"pre_sha": sha256_of(old.encode()), "post_sha": sha256_of(new.encode())}
    return {"path": path, "op": "modify", **shas}


def opened(session: Session) -> list[dict[str, Any]]:
    return [e for e in session.log if e["type"] == "tool_call" and e["tool_name"] != "read_file"]


def test_a_patch_goes_out_as_one_write_for_each_file_in_the_order_of_paths() -> None:
    calls = opened(patched())

    assert [(c["call_id"], c["tool_name"], c["arguments"], c["origin"]) for c in calls] == [
        (FIRST, "write_file", {"path": "a", "content": NEW["a"]}, "runtime"),
        (SECOND, "write_file", {"path": "b", "content": NEW["b"]}, "runtime"),
    ]
    assert [c["guard"] for c in calls] == [
        {"files": [guard(path, OLD[path], NEW[path])]} for path in "ab"
    ]
    assert [c["requires_approval"] for c in calls] == [True, True]


def test_the_plan_is_in_the_journal_before_any_write_is() -> None:
    session = patched()

    kinds = [record.rec for record in session.journal[-3:]]
    assert kinds == ["tool_split", "tool_released", "tool_released"]
    split = session.journal[-3]
    assert isinstance(split, ToolSplit)
    assert split.writes == [
        FileWrite(call_id=FIRST, path="a", content=NEW["a"]),
        FileWrite(call_id=SECOND, path="b", content=NEW["b"]),
    ]


def test_when_all_files_are_written_the_model_hears_of_one_patch() -> None:
    session = patched()

    finished(session)

    applied = [{"path": path, "new_start": 1, "new_lines": 2} for path in "ba"]  # as it has them
    body = dict(told(session))
    found = [{k: v for k, v in hunk.items() if k != "hunk_id"} for hunk in body.pop("applied")]
    assert found == applied
    assert body == {
        "success": True,
        "atomic": False,
        "files": [guard(path, OLD[path], NEW[path]) for path in "ab"],
        "files_modified": ["a", "b"],
    }
    assert [m.call_id for m in session.state.history if m.role == "tool"][2:] == [PATCH]
    assert session.turn.step == 3


def test_what_was_written_is_known_and_is_not_placed_twice() -> None:
    session = patched()
    finished(session)

    assert {p: f.content for p, f in session.state.files.items()} == {
        path: text.encode() for path, text in NEW.items()
    }
    assert {(hunk.path, hunk.call_id) for hunk in session.state.applied} == {
        ("a", PATCH),
        ("b", PATCH),
    }


def test_a_file_that_a_person_refused_is_named_and_the_others_stay() -> None:
    session = patched()

    finished(session, reject=(FIRST,))

    body = told(session)
    assert (body["success"], body["files_modified"]) == (False, ["b"])
    assert [hunk["path"] for hunk in body["applied"]] == ["b"]
    assert body["error"] == {
        "code": "REJECTED",
        "message": "1 files were not written.",
        "details": {
            "failed": [
                {
                    "path": "a",
                    "call_id": FIRST,
                    "code": "REJECTED",
                    "message": "no",
                    "details": {"by": "ann", "feedback": "no"},
                }
            ]
        },
    }
    assert [hunk.path for hunk in session.state.applied] == ["b"]
    assert session.state.files["a"].content == OLD["a"].encode()


def test_a_file_that_changed_under_us_is_stale_afterwards() -> None:
    session = patched()
    for name in (FIRST, SECOND):
        session.command("hitl_decision", call_id=name, decision="approve")

    session.result(FIRST, error=CLOSED)
    session.result(SECOND, result={"success": True})

    body = told(session)
    assert body["error"]["code"] == "CONFLICT"
    assert body["error"]["details"]["failed"] == [{"path": "a", "call_id": FIRST, **CLOSED}]
    assert session.state.files["a"].stale
    settled = [r for r in session.journal if isinstance(r, rec.ToolSettled)][-1]
    assert (settled.call_id, settled.outcome, settled.code) == (PATCH, "failed", "CONFLICT")


def test_an_edited_write_is_told_as_it_ran() -> None:
    session = patched()
    given = {"path": "a", "content": "mine\n"}
    session.command("hitl_decision", call_id=FIRST, decision="edit", modified_arguments=given)
    compute(session)
    session.result(FIRST, result={"success": True})
    session.command("hitl_decision", call_id=SECOND, decision="approve")
    session.result(SECOND, result={"success": True})

    body = told(session)

    assert body["edited"] == [given]
    assert [hunk["path"] for hunk in body["applied"]] == ["b"]
    assert body["files"][0] == guard("a", OLD["a"], "mine\n")
    assert [hunk.path for hunk in session.state.applied] == ["b"]


def test_a_cancelled_patch_says_what_was_written_until_then() -> None:
    session = patched()
    session.command("hitl_decision", call_id=FIRST, decision="approve")
    session.result(FIRST, result={"success": True})

    events = session.command("cancel")

    body = told(session)
    assert (body["success"], body["files_modified"]) == (False, ["a"])
    assert body["error"]["code"] == "CANCELLED"
    assert [fault["call_id"] for fault in body["error"]["details"]["failed"]] == [SECOND]
    assert [e["call_id"] for e in bodies(events) if e["type"] == "tool_resolved"] == [SECOND]


def test_a_patch_that_does_not_fit_fails_as_any_other() -> None:
    session = patched("--- a/a\n+++ b/a\n@@ @@\n-nowhere\n+2\n")

    assert opened(session) == []
    assert told(session)["error"]["code"] == "PATCH_APPLY_FAILED"
    assert session.turn.patch_failures == {"a": 1}


def test_plain_clients_are_asked_for_one_file_after_the_other() -> None:
    session = patched(mode="plain")
    assert [call["call_id"] for call in opened(session)] == [FIRST]

    session.command("hitl_decision", call_id=FIRST, decision="approve")

    assert [call["call_id"] for call in opened(session)] == [FIRST, SECOND]


def test_a_later_call_waits_for_the_writes_that_it_conflicts_with() -> None:
    session = patched()
    finished(session)
    diff = "--- a/a\n+++ b/a\n@@ @@\n one\n-2\n+two\n"

    session.answer("", ("apply_patch", {"diff": diff}), ("read_file", {"path": "a"}))
    compute(session)

    assert session.turn.calls[-1].phase == "planned"


def rule(tool: str, decision: Any, path: str | None = None) -> ApprovalRule:
    return ApprovalRule(tool=tool, decision=decision, path=path)


@pytest.mark.parametrize(
    ("rules", "wanted"),
    [
        pytest.param((rule("apply_patch", "deny", "b"),), [], id="no patch of that file"),
        pytest.param((rule("write_file", "auto"),), [False, False], id="writes are free"),
        pytest.param((rule("apply_patch", "auto"),), [True, True], id="each by itself"),
        pytest.param(
            (rule("apply_patch", "ask", "a"), rule("write_file", "auto")),
            [True, False],
            id="who must be asked for patches is asked for their writes",
        ),
        pytest.param((rule("write_file", "deny", "a"),), [True], id="no write of that file"),
    ],
)
def test_rules_for_patches_hold_for_their_writes(
    rules: tuple[ApprovalRule, ...], wanted: list[bool]
) -> None:
    assert [c["requires_approval"] for c in opened(patched(approvals=rules))] == wanted


def test_a_denied_write_is_the_patchs_failure() -> None:
    session = patched(approvals=(rule("write_file", "deny"),))

    assert told(session)["error"]["code"] == "POLICY_DENIED"
    assert session.turn.step == 3


def test_a_successor_goes_on_where_the_writes_stand() -> None:
    session = patched()
    session.command("hitl_decision", call_id=FIRST, decision="approve")
    session.result(FIRST, result={"success": True})

    heir = session.taken_over()
    heir.resume()
    compute(heir)

    assert bare(heir.state) == bare(session.state)
    assert len(opened(heir)) == 2
    heir.command("hitl_decision", call_id=SECOND, decision="approve")
    heir.result(SECOND, result={"success": True})
    assert told(heir)["success"] is True


def test_a_successor_opens_the_writes_that_were_planned_only() -> None:
    session = patched()
    cut = [r.rec for r in session.journal].index("tool_split") + 1
    released = opened(session)
    heir = session.taken_over()
    heir.journal = heir.journal[:cut]
    heir.log = [e for e in heir.log if e not in released]
    heir = heir.taken_over()

    heir.resume()
    compute(heir)

    assert [bodies([call]) for call in opened(heir)] == [bodies([call]) for call in released]


def test_a_patch_of_no_file_is_over_at_once() -> None:
    draft = Draft(patched().state, Rules(), START_MS)
    asked = Call("c9", "apply_patch", {"diff": ""})
    draft.state = with_turn(draft.state, calls=(*draft.turn.calls, asked))

    split_up(draft, asked, Split("", {"files": []}, {"hunks": []}, {}))
    settle_splits(draft)

    settled = draft.records[-1]
    assert isinstance(settled, rec.ToolSettled)
    assert (settled.call_id, settled.outcome, settled.body["files_modified"]) == (
        "c9",
        "completed",
        [],
    )


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(["written", "refused", "failed", "late"]), min_size=2, max_size=2))
def test_every_file_is_either_reported_as_written_or_as_missed(ends: list[str]) -> None:
    session = patched(file_tool_timeout_ms=1000)
    for name, end in zip((FIRST, SECOND), ends, strict=True):
        decision = "reject" if end == "refused" else "approve"
        session.command("hitl_decision", call_id=name, decision=decision)
    session.command("ack", connection_id="x1", seq=len(session.log))
    for name, end in zip((FIRST, SECOND), ends, strict=True):
        if end in {"written", "failed"}:
            answer = {"result": {"success": True}} if end == "written" else {"error": "no"}
            session.result(name, **answer)
    session.now_ms += 1000
    session.feed(TimerFired())

    body = told(session)
    failed = body.get("error", {}).get("details", {}).get("failed", [])
    paths = [path for path, end in zip("ab", ends, strict=True) if end == "written"]
    assert body["files_modified"] == paths
    assert sorted([*paths, *(fault["path"] for fault in failed)]) == ["a", "b"]
    assert body["success"] is (failed == [])
