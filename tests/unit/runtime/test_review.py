from dataclasses import replace
from typing import Any

import pytest

from codelab_core.patch.build import prepare
from codelab_core.patch.dialects import parse_patch
from codelab_core.patch.prepared import Base
from codelab_core.tool_errors import ToolCode, ToolError
from codelab_runtime.files import KnownFile
from codelab_runtime.review import reviewed
from codelab_runtime.turn.state import Call

OLD = b"".join(b"line %d\n" % n for n in range(1, 31))
PROPOSAL = """--- a/a.py
+++ b/a.py
@@ -2,1 +2,1 @@
-line 2
+second
@@ -20,1 +20,1 @@
-line 20
+twentieth
--- /dev/null
+++ b/new.py
@@ -0,0 +1,1 @@
+new
"""
PATCH = prepare(parse_patch(PROPOSAL), {"a.py": Base(OLD), "new.py": None})
GUARD = {"files": [change.guard() for change in PATCH.files]}
CALL = Call("c1-1-0", "apply_patch_review", {"diff": PATCH.diff}, guard=GUARD)
FILES = {"a.py": KnownFile(PATCH.files[0].pre_sha, OLD)}


def test_what_was_picked_is_what_will_be_applied() -> None:
    answer = {"action": "apply", "chunks_selected": [1, 3], "message": "go on"}

    outcome = reviewed(CALL, answer, FILES)

    assert outcome.diff is not None
    assert "second" in outcome.diff
    assert "twentieth" not in outcome.diff
    assert "new.py" in outcome.diff
    body = dict(outcome.body)
    assert body["filtered_diff"] == outcome.diff
    assert (body["success"], body["review_id"], body["message"]) == (True, "c1-1-0", "go on")
    assert [hunk["path"] for hunk in body["refused"]] == ["a.py"]


@pytest.mark.parametrize(
    "answer",
    [
        {"action": "cancel", "chunks_selected": [1]},
        {"chunks_selected": [1]},
        {"action": "apply", "chunks_selected": []},
        {},
    ],
)
def test_nothing_picked_is_a_cancel(answer: dict[str, Any]) -> None:
    outcome = reviewed(CALL, {**answer, "message": 7}, FILES)

    assert outcome.diff is None
    assert outcome.body["action"] == "cancel"
    assert "message" not in outcome.body


@pytest.mark.parametrize(
    "files",
    [
        pytest.param({}, id="no longer known"),
        pytest.param({"a.py": replace(FILES["a.py"], sha="0" * 64)}, id="changed meanwhile"),
        pytest.param({"a.py": replace(FILES["a.py"], content=None)}, id="not whole"),
    ],
)
def test_a_file_that_changed_during_the_review_is_read_again(files: dict[str, KnownFile]) -> None:
    with pytest.raises(ToolError) as caught:
        reviewed(CALL, {"action": "apply", "chunks_selected": [1]}, files)

    assert caught.value.code is ToolCode.READ_FIRST
