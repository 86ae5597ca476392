import pytest

from codelab_core.patch.prepared import ReviewHunk, Subject
from codelab_core.patch.selection import Choice, Selection, resolve
from codelab_core.tool_errors import ToolError


def hunk(ordinal: int, path: str, subject: Subject = "lines") -> ReviewHunk:
    return ReviewHunk(f"h{ordinal}", ordinal, path, 1, 1, 1, 1, "exact", (), (), subject)


HUNKS = [hunk(1, "x"), hunk(2, "x"), hunk(3, "y"), hunk(4, "x", "rename"), hunk(5, "z", "mode")]


@pytest.mark.parametrize(
    ("wire", "selection"),
    [
        pytest.param(
            {
                "action": "apply",
                "hunks": {
                    "h1": {"decision": "apply"},
                    "h2": {"decision": "refuse", "reason": "keep it"},
                    "h3": {"decision": "lines", "lines": [0, 2], "reason": "half"},
                    "h4": {"decision": "edit", "new_text": "x\n"},
                },
                "chunks_selected": [9],
            },
            Selection(
                {
                    "h1": Choice("apply"),
                    "h2": Choice("refuse", reason="keep it"),
                    "h3": Choice("lines", lines=(0, 2), reason="half"),
                    "h4": Choice("edit", new_text="x\n"),
                }
            ),
            id="by-id",
        ),
        pytest.param(
            {"action": "apply", "chunks_selected": [1, 3]},
            Selection(ordinals=frozenset({1, 3})),
            id="by-ordinal",
        ),
        pytest.param({"action": "apply"}, Selection(), id="nothing-named"),
        pytest.param({"action": "cancel", "chunks_selected": [1]}, Selection(), id="cancelled"),
    ],
)
def test_an_answer_is_read(wire: dict[str, object], selection: Selection) -> None:
    """R-17."""
    assert Selection.from_wire(wire) == selection


@pytest.mark.parametrize(
    "choice",
    [
        {"decision": "maybe"},
        {"decision": "lines"},
        {"decision": "lines", "lines": 3},
        {"decision": "edit"},
        {},
    ],
    ids=["unknown", "no-lines", "lines-no-list", "no-text", "empty"],
)
def test_an_answer_without_a_clear_decision_is_refused(choice: dict[str, object]) -> None:
    with pytest.raises(ToolError, match="INVALID_ARGUMENTS: The choice for hunk h1"):
        Selection.from_wire({"hunks": {"h1": choice}})


def decisions(selection: Selection) -> str:
    return "".join(resolve(HUNKS, selection)[hunk.hunk_id].decision[0] for hunk in HUNKS)


@pytest.mark.parametrize(
    ("selection", "expected"),
    [
        pytest.param(Selection(), "rrrrr", id="none"),
        pytest.param(Selection({"h2": Choice("edit"), "h5": Choice("apply")}), "rerra", id="by-id"),
        pytest.param(Selection(ordinals=frozenset()), "rrrrr", id="no-ordinal"),
        pytest.param(Selection(ordinals=frozenset({3})), "rrarr", id="ordinal"),
        pytest.param(Selection(ordinals=frozenset({1})), "arrar", id="rename-goes-along"),
        pytest.param(Selection(ordinals=frozenset({1, 2, 3})), "aaaaa", id="everything-goes-along"),
        pytest.param(Selection(ordinals=frozenset({5})), "rrrra", id="file-operation-by-ordinal"),
    ],
)
def test_what_is_not_chosen_is_refused(selection: Selection, expected: str) -> None:
    """R-17."""
    assert decisions(selection) == expected


def test_an_empty_choice_takes_nothing_even_where_there_is_no_line_to_choose() -> None:
    rename = hunk(1, "x", "rename")

    assert resolve([rename], Selection(ordinals=frozenset())) == {"h1": Choice("refuse")}


@pytest.mark.parametrize(
    "selection",
    [Selection({"h9": Choice("apply")}), Selection(ordinals=frozenset({6}))],
    ids=["id", "ordinal"],
)
def test_a_choice_of_what_is_not_there_is_refused(selection: Selection) -> None:
    with pytest.raises(ToolError, match="INVALID_ARGUMENTS"):
        resolve(HUNKS, selection)
