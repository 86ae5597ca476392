"""Patches placed in the files that the session knows."""

from dataclasses import replace
from typing import Any

import pytest

from codelab_core.patch.apply import applied_hunks, apply_canonical
from codelab_core.patch.canonical import patch_key
from codelab_core.patch.text import sha256_of
from codelab_core.tool_errors import ToolCode, ToolError
from codelab_core.tools import BUILT_IN, WRITE_MAX_CHARS
from codelab_runtime.files import Files, learn_read, learn_write, mark_stale
from codelab_runtime.offered import offered_tools
from codelab_runtime.placing import (
    MAX_PATCH_FAILURES,
    MAX_SPLIT_BYTES,
    SHORT_FILE_LINES,
    placed,
)
from codelab_runtime.preparing import NeedsRead, Preparation, Prepared, Split

OLD, NEW = "one\ntwo\nthree\n", "one\n2\nthree\n"
DIFF = "--- a/a\n+++ b/a\n@@ @@\n one\n-two\n+2\n three\n"
WRONG = "--- a/a\n+++ b/a\n@@ @@\n-nowhere\n+2\n"
OFFERED = offered_tools(BUILT_IN)
FILES: Files = learn_write({}, "a", OLD.encode())


def asked(arguments: dict[str, Any], tool: str = "apply_patch", **fields: Any) -> Preparation:
    return Preparation(tool, arguments, OFFERED, **{"files": FILES, **fields})


def made(question: Preparation) -> Prepared:
    found = placed(question)
    assert isinstance(found, Prepared)
    return found


def refused(question: Preparation) -> ToolError:
    with pytest.raises(ToolError) as caught:
        placed(question)
    return caught.value


def test_other_tools_are_prepared_as_ever() -> None:
    assert made(asked({"path": "a"}, "read_file")).arguments == {"path": "a"}


def test_a_patch_becomes_canonical_guarded_and_ready_for_review() -> None:
    patch = made(asked({"diff": f"Here:\n```diff\n{DIFF}```", "at": []}))

    assert patch.guard == {
        "files": [
            {
                "path": "a",
                "op": "modify",
                "pre_sha": sha256_of(OLD.encode()),
                "post_sha": sha256_of(NEW.encode()),
            }
        ]
    }
    assert list(patch.arguments) == ["diff"]
    assert apply_canonical(patch.arguments["diff"], {"a": OLD.encode()}) == {"a": NEW.encode()}
    assert [hunk["path"] for hunk in (patch.review or {})["hunks"]] == ["a"]


def test_a_review_keeps_its_message() -> None:
    patch = made(asked({"diff": DIFF, "message": "why"}, "apply_patch_review"))

    assert set(patch.arguments) == {"diff", "message"}


def test_hunks_say_what_they_need_and_what_they_belong_to() -> None:
    """R-16: groups reach the client."""
    renamed = (
        "diff --git a/a b/b\nrename from a\nrename to b\n--- a/a\n+++ b/b\n@@ @@\n one\n-two\n"
        "+def helper(): pass\n three\ndiff --git a/c b/c\n--- a/c\n+++ b/c\n@@ @@\n-x\n+helper()\n"
    )
    files = learn_write(FILES, "c", b"x\n")

    patch = made(asked({"diff": renamed}, "apply_patch_review", files=files))

    first, second, rename = (patch.review or {})["hunks"]
    assert first["depends_on"] == [rename["hunk_id"]]
    assert first["related"] == [second["hunk_id"]]
    assert second["related"] == [first["hunk_id"]]


@pytest.mark.parametrize("arguments", [{}, {"diff": DIFF, "review_id": "r"}, {"review_id": "r"}])
def test_a_patch_is_given_once_and_a_review_must_be_answered(arguments: dict[str, Any]) -> None:
    assert refused(asked(arguments)).code is ToolCode.INVALID_ARGUMENTS


def test_a_review_is_applied_by_its_id() -> None:
    canonical = made(asked({"diff": DIFF})).arguments["diff"]

    patch = made(asked({"review_id": "r"}, reviews={"r": canonical}))

    assert patch == made(asked({"diff": DIFF}))


def test_a_diff_that_we_made_is_placed_as_it_was_though_its_text_is_there_twice() -> None:
    old = "x\n" * 9 + "y\n" + "x\n" * 9
    files = learn_write({}, "a", old.encode())
    diff = "--- a/a\n+++ b/a\n@@ -3,7 +3,7 @@\n x\n x\n x\n-x\n+z\n x\n x\n x\n"
    guard = [{"path": "a", "op": "modify", "pre_sha": sha256_of(old.encode())}]
    text = f"diff --git a/a b/a\n{diff}"

    patch = made(asked({"diff": f"{text}\n\n"}, files=files, known_diffs={patch_key(text): guard}))

    assert patch.arguments["diff"] == text
    assert refused(asked({"diff": text}, files=files)).details["reason"] == "ambiguous"


def test_a_patch_that_is_in_the_file_already_goes_to_the_client_which_knows() -> None:
    first = made(asked({"diff": DIFF}))
    known = {patch_key(first.arguments["diff"]): (first.guard or {})["files"]}
    after = learn_write(FILES, "a", NEW.encode())

    again = made(asked({"diff": first.arguments["diff"]}, files=after, known_diffs=known))

    assert (again.arguments, again.guard, again.review) == (first.arguments, first.guard, None)
    assert again.digest == first.digest


def test_a_known_diff_of_a_new_file_is_known_by_its_absence() -> None:
    create = made(asked({"diff": "--- /dev/null\n+++ b/n\n@@ @@\n+x\n"}))
    known = {patch_key(create.arguments["diff"]): (create.guard or {})["files"]}

    assert made(asked({"diff": create.arguments["diff"]}, known_diffs=known)) == create


def test_a_known_diff_of_another_version_is_placed_anew() -> None:
    first = made(asked({"diff": DIFF}))
    known = {patch_key(first.arguments["diff"]): (first.guard or {})["files"]}
    other = learn_write(FILES, "a", ("zero\n" + OLD).encode())

    moved = made(asked({"diff": first.arguments["diff"]}, files=other, known_diffs=known))

    assert moved.guard != first.guard


def test_a_new_file_that_is_known_to_be_there_is_a_conflict() -> None:
    error = refused(asked({"diff": "--- /dev/null\n+++ b/a\n@@ @@\n+x\n"}))

    assert (error.code, error.details["path"]) == (ToolCode.CONFLICT, "a")


def test_a_change_that_was_made_before_is_not_made_again_silently() -> None:
    files = learn_write({}, "a", (NEW + OLD).encode())
    diff = made(asked({"diff": DIFF})).arguments["diff"]

    error = refused(asked({"diff": DIFF}, files=files, applied=applied_hunks(diff, "c1-1-0")))

    assert error.details["reason"] == "ambiguous"
    assert error.details["repeat_of"]["call_id"] == "c1-1-0"


def test_what_was_done_to_other_files_does_not_matter() -> None:
    other = replace(applied_hunks(made(asked({"diff": DIFF})).arguments["diff"], "c")[0], path="b")

    assert made(asked({"diff": DIFF}, applied=(other,))) == made(asked({"diff": DIFF}))


def test_a_place_that_the_model_chose_counts() -> None:
    twice = (OLD + OLD).encode()
    files = learn_write({}, "a", twice)

    patch = made(asked({"diff": DIFF, "at": [{"hunk": 1, "line": 4}]}, files=files))

    assert apply_canonical(patch.arguments["diff"], {"a": twice}) == {"a": (OLD + NEW).encode()}


@pytest.mark.parametrize(
    "files",
    [
        pytest.param({}, id="never read"),
        pytest.param(mark_stale(FILES, "a"), id="changed since"),
        pytest.param(
            learn_read(
                {}, "a", {"content": "x\n", "sha256": "0" * 64, "start_line": 1, "end_line": 1}
            ),
            id="not as its hash says",
        ),
    ],
)
def test_a_file_must_have_been_read(files: Files) -> None:
    assert refused(asked({"diff": DIFF}, files=files)).code is ToolCode.READ_FIRST


def test_lines_that_the_model_did_not_read_are_read_by_the_runtime() -> None:
    part = {"content": "one\n", "sha256": "0" * 64, "start_line": 1, "end_line": 1}
    files = learn_read({}, "a", {**part, "total_lines": 3})

    assert placed(asked({"diff": DIFF}, files=files)) == NeedsRead("a", 2, 3)


def test_a_file_known_to_be_gone_cannot_be_patched() -> None:
    files = learn_write({}, "a", None)

    assert refused(asked({"diff": DIFF}, files=files)).code is ToolCode.READ_FIRST


@pytest.mark.parametrize(
    ("failures", "forgiven", "code"),
    [
        pytest.param(2, 0, ToolCode.PATCH_APPLY_FAILED, id="some"),
        pytest.param(3, 0, ToolCode.READ_FIRST, id="spent"),
        pytest.param(3, 3, ToolCode.PATCH_APPLY_FAILED, id="read since"),
        pytest.param(6, 3, ToolCode.READ_FIRST, id="spent again"),
    ],
)
def test_three_misplaced_patches_of_a_file_ask_for_another_read(
    failures: int, forgiven: int, code: ToolCode
) -> None:
    """E-17."""
    question = asked({"diff": WRONG}, failures={"a": failures}, forgiven={"a": forgiven})

    error = refused(question)

    assert (error.code, error.details.get("failures")) == (
        code,
        failures if code is ToolCode.READ_FIRST else None,
    )
    assert "advice" not in error.details or failures >= 2 * MAX_PATCH_FAILURES


@pytest.mark.parametrize(
    ("lines", "tools", "advice"),
    [
        pytest.param(299, BUILT_IN, "Write a as a whole by write_file.", id="short"),
        pytest.param(300, BUILT_IN, "Send one hunk per call.", id="long"),
        pytest.param(3, ["apply_patch"], "Send one hunk per call.", id="no write_file"),
    ],
)
@pytest.mark.parametrize("forgiven", [3, 6], ids=["read first", "misplaced"])
def test_after_six_failures_another_way_is_advised(
    lines: int, tools: Any, advice: str, forgiven: int
) -> None:
    """E-17."""
    assert SHORT_FILE_LINES == 300
    files = learn_write({}, "a", b"x\n" * lines)
    question = Preparation(
        "apply_patch",
        {"diff": WRONG},
        offered_tools(tools),
        files=files,
        failures={"a": 6},
        forgiven={"a": forgiven},
    )

    error = refused(question)

    assert error.details["advice"] == advice
    assert error.message.endswith(advice)


def test_the_sixth_failure_brings_the_advice_with_it() -> None:
    error = refused(asked({"diff": WRONG}, failures={"a": 5}, forgiven={"a": 3}))

    assert (error.code, "advice" in error.details) == (ToolCode.PATCH_APPLY_FAILED, True)


def test_other_faults_bring_no_advice() -> None:
    error = refused(asked({"diff": "no patch"}, failures={"a": 9}))

    assert (error.code, "advice" in error.details) == (ToolCode.PATCH_INVALID, False)


# Clients that can only write files.

WRITER = offered_tools(["read_file", "write_file"])


def by_writes(diff: str, files: Files = FILES, **fields: Any) -> Preparation:
    return Preparation("apply_patch", {"diff": diff}, WRITER, files=files, **fields)


def test_where_only_files_can_be_written_a_patch_becomes_whole_files() -> None:
    whole = made(asked({"diff": DIFF}))

    split = placed(by_writes(DIFF))

    assert whole.guard
    assert whole.review
    assert split == Split(whole.arguments["diff"], whole.guard, whole.review, {"a": NEW})


def test_a_new_file_is_written_too() -> None:
    split = placed(by_writes("--- /dev/null\n+++ b/n\n@@ @@\n+new\n"))

    assert isinstance(split, Split)
    assert split.contents == {"n": "new\n"}


@pytest.mark.parametrize(
    "diff",
    [
        pytest.param("--- a/a\n+++ /dev/null\n@@ @@\n-one\n-two\n-three\n", id="delete"),
        pytest.param(
            "diff --git a/a b/b\nsimilarity index 100%\nrename from a\nrename to b\n", id="rename"
        ),
        pytest.param("diff --git a/a b/a\nold mode 100644\nnew mode 100755\n", id="mode"),
    ],
)
def test_what_no_write_can_do_is_refused(diff: str) -> None:
    error = refused(by_writes(diff))

    assert (error.code, error.details["reason"]) == (ToolCode.PATCH_INVALID, "unsupported")


def large(count: int, size: int) -> Files:
    """So many files of so many bytes."""
    files: Files = {}
    for n in range(count):
        files = learn_write(files, f"f{n}", b"old\n" + b"x" * (size - 4))
    return files


def growth(count: int) -> str:
    """A patch that leaves the size of each file as it is."""
    return "".join(f"--- a/f{n}\n+++ b/f{n}\n@@ @@\n-old\n+new\n" for n in range(count))


@pytest.mark.parametrize(
    ("count", "size", "what", "limit"),
    [
        pytest.param(1, WRITE_MAX_CHARS + 1, "file", WRITE_MAX_CHARS, id="one file"),
        pytest.param(5, WRITE_MAX_CHARS, "files", MAX_SPLIT_BYTES, id="all files"),
    ],
)
def test_files_that_are_too_large_to_be_written_whole_are_refused(
    count: int, size: int, what: str, limit: int
) -> None:
    error = refused(by_writes(growth(count), large(count, size)))

    assert (error.code, error.details) == (
        ToolCode.PATCH_INVALID,
        {"reason": "too_large", "what": what, "limit": limit, "actual": count * size},
    )
    assert isinstance(placed(by_writes(growth(1), large(1, WRITE_MAX_CHARS))), Split)


def test_a_reviewed_diff_is_written_where_the_person_saw_it() -> None:
    old = "x\n" * 9 + "y\n" + "x\n" * 9
    files = learn_write({}, "a", old.encode())
    text = "diff --git a/a b/a\n--- a/a\n+++ b/a\n@@ -3,7 +3,7 @@\n"
    text += " x\n x\n x\n-x\n+z\n x\n x\n x\n"
    guard = [{"path": "a", "op": "modify", "pre_sha": sha256_of(old.encode())}]

    split = placed(by_writes(text, files, known_diffs={patch_key(text): guard}))

    assert isinstance(split, Split)
    assert split.contents["a"].splitlines().index("z") == 5


def test_a_diff_that_was_written_already_is_not_written_again() -> None:
    done = made(asked({"diff": DIFF}))
    text = done.arguments["diff"]
    files = learn_write({}, "a", NEW.encode())
    known = {patch_key(text): (done.guard or {})["files"]}

    assert refused(by_writes(text, files, known_diffs=known)).code is ToolCode.PATCH_APPLY_FAILED
