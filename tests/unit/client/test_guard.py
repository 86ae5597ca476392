from typing import Any

import pytest
from pydantic import ValidationError

from codelab_client.guard import FileGuard, Guard, state_of, unfinished
from codelab_core.tool_errors import ToolCode, ToolError

A, B, C = "a" * 64, "b" * 64, "c" * 64
ABSENT = "absent"


def one(path: str, before: str, after: str) -> dict[str, str]:
    operation = "create" if before == ABSENT else "delete" if after == ABSENT else "modify"
    return {"path": path, "op": operation, "pre_sha": before, "post_sha": after}


def moved(old: str, new: str, before: str, after: str) -> dict[str, str]:
    return {"path": new, "op": "rename", "old_path": old, "pre_sha": before, "post_sha": after}


STATES = [
    pytest.param(one("x", A, B), {"x": A}, "pre", id="modify-before"),
    pytest.param(one("x", A, B), {"x": B}, "post", id="modify-after"),
    pytest.param(one("x", A, B), {"x": C}, "other", id="modify-by-someone-else"),
    pytest.param(one("x", A, B), {"x": ABSENT}, "other", id="modify-but-gone"),
    pytest.param(one("x", ABSENT, B), {"x": ABSENT}, "pre", id="create-before"),
    pytest.param(one("x", ABSENT, B), {"x": B}, "post", id="create-after"),
    pytest.param(one("x", ABSENT, B), {"x": C}, "other", id="create-but-there"),
    pytest.param(one("x", A, ABSENT), {"x": A}, "pre", id="delete-before"),
    pytest.param(one("x", A, ABSENT), {"x": ABSENT}, "post", id="delete-after"),
    pytest.param(one("x", A, A), {"x": A}, "same", id="mode-only"),
    pytest.param(moved("o", "n", A, B), {"o": A, "n": ABSENT}, "pre", id="rename-before"),
    pytest.param(moved("o", "n", A, B), {"o": A, "n": B}, "half", id="rename-half"),
    pytest.param(moved("o", "n", A, B), {"o": ABSENT, "n": B}, "post", id="rename-after"),
    pytest.param(moved("o", "n", A, A), {"o": A, "n": A}, "half", id="rename-half-same-content"),
    pytest.param(moved("o", "n", A, B), {"o": A, "n": C}, "other", id="rename-onto-another"),
    pytest.param(moved("o", "n", A, B), {"o": C, "n": ABSENT}, "other", id="rename-of-another"),
]


@pytest.mark.parametrize(("file", "now", "expected"), STATES)
def test_the_state_of_a_file_is_told_by_hashes(
    file: dict[str, str], now: dict[str, str], expected: Any
) -> None:
    assert expected == state_of(FileGuard.model_validate(file), now)


@pytest.mark.parametrize(
    ("now", "intended", "expected"),
    [
        pytest.param({"x": A, "y": A}, False, ["x", "y"], id="all-pre"),
        pytest.param({"x": A, "y": A}, True, ["x", "y"], id="all-pre-with-intent"),
        pytest.param({"x": B, "y": B}, False, [], id="all-post"),
        pytest.param({"x": B, "y": B}, True, [], id="all-post-with-intent"),
        pytest.param({"x": B, "y": A}, True, ["y"], id="mixed-with-intent"),
    ],
)
def test_what_is_left_to_do_follows_the_table(
    now: dict[str, str], expected: Any, *, intended: bool
) -> None:
    """docs/tools.md, "Execution in the client"."""
    guard = Guard.model_validate({"files": [one("x", A, B), one("y", A, B)]})

    assert expected == [file.path for file in unfinished(guard, now, intended=intended)]


def test_mixed_files_without_an_intent_are_for_a_person() -> None:
    guard = Guard.model_validate({"files": [one("x", A, B), one("y", A, B)]})

    with pytest.raises(ToolError) as caught:
        unfinished(guard, {"x": B, "y": A}, intended=False)

    files = [{"path": "x", "state": "post"}, {"path": "y", "state": "pre"}]
    assert caught.value.code == ToolCode.CONFLICT
    assert {"class": "unknown_outcome", "files": files} == caught.value.details


@pytest.mark.parametrize("intended", [False, True])
@pytest.mark.parametrize(
    ("file", "now", "stale"),
    [
        pytest.param(one("x", A, B), {"x": C}, ("x", A, C), id="modified"),
        pytest.param(moved("o", "n", A, B), {"o": A, "n": C}, ("n", ABSENT, C), id="target"),
        pytest.param(moved("o", "n", A, B), {"o": C, "n": ABSENT}, ("o", A, C), id="source"),
        pytest.param(moved("o", "n", A, B), {"o": C, "n": B}, ("o", A, C), id="source-half"),
        pytest.param(
            moved("o", "n", A, B), {"o": ABSENT, "n": ABSENT}, ("o", A, ABSENT), id="gone"
        ),
    ],
)
def test_a_third_content_is_stale_whatever_else_is_known(
    file: dict[str, str], now: dict[str, str], stale: tuple[str, str, str], *, intended: bool
) -> None:
    guard = Guard.model_validate({"files": [one("y", A, B), file]})

    with pytest.raises(ToolError) as caught:
        unfinished(guard, {"y": B, **now}, intended=intended)

    path, expected, actual = stale
    facts = {"path": path, "expected_sha": expected, "actual_sha": actual}
    assert {"class": "stale_base", **facts} == caught.value.details


@pytest.mark.parametrize(
    ("now", "intended", "expected"),
    [
        pytest.param({"x": A, "m": C}, False, ["x", "m"], id="nothing-done"),
        pytest.param({"x": B, "m": C}, False, [], id="all-that-can-be-told-is-done"),
        pytest.param({"x": B, "m": C}, True, ["m"], id="with-intent-the-mode-is-set-again"),
    ],
)
def test_a_change_of_mode_goes_along_with_the_others(
    now: dict[str, str], expected: Any, *, intended: bool
) -> None:
    guard = Guard.model_validate({"files": [one("x", A, B), one("m", C, C)]})

    assert expected == [file.path for file in unfinished(guard, now, intended=intended)]


def test_a_rename_touches_two_paths() -> None:
    guard = Guard.model_validate({"files": [moved("o", "n", A, B), one("x", A, B)]})

    assert guard.paths == ["o", "n", "x"]
    assert [moved("o", "n", A, B), one("x", A, B)] == guard.to_wire()


@pytest.mark.parametrize(
    "files",
    [
        pytest.param([], id="none"),
        pytest.param([one("x", A, B)] * 201, id="too-many"),
        pytest.param([one("x", A, B), one("x", B, C)], id="path-twice"),
        pytest.param([one("x", A, "short")], id="no-hash"),
        pytest.param([{**one("x", A, B), "op": "chmod"}], id="unknown-op"),
        pytest.param([{**one("x", A, B), "op": "rename"}], id="rename-from-nowhere"),
        pytest.param([{**one("x", A, B), "old_path": "o"}], id="old-path-without-rename"),
    ],
)
def test_a_guard_that_says_nothing_sure_is_refused(files: list[dict[str, str]]) -> None:
    with pytest.raises(ValidationError):
        Guard.model_validate({"files": files})
