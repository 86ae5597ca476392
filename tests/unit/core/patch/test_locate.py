import pytest

from codelab_core.patch.edits import Run
from codelab_core.patch.failures import Budget
from codelab_core.patch.locate import Problem, Session, locate
from codelab_core.patch.model import AppliedHunk, FilePatch, Hunk, Kind, Line, Operation
from codelab_core.patch.repeats import AppliedChanges
from codelab_core.patch.search_index import Level
from codelab_core.patch.text import TextFile

KINDS: dict[str, Kind] = {" ": " ", "-": "-", "+": "+"}


def hunk(ordinal: int, *rows: str, bom: bool | None = None) -> Hunk:
    lines = tuple(Line(KINDS[row[0]], row[1:]) for row in rows)
    return Hunk(lines, ordinal=ordinal, bom=bom)


def located(
    operation: Operation, text: str, *hunks: Hunk, applied: tuple[AppliedHunk, ...] = ()
) -> tuple[list[Run], list[Problem]]:
    file = FilePatch(operation, "x", hunks=hunks)
    lines = TextFile.from_text("".join(f"{line}\n" for line in text.split(".")), bom=False)
    return locate(file, lines, Session({}, AppliedChanges(applied), Budget()))


def test_runs_come_in_the_order_of_the_file() -> None:
    runs, problems = located("modify", "a.b.c.d", hunk(1, "-d", "+D"), hunk(2, " a", "-b"))

    first, second = Run(1, 2, (), Level.EXACT), Run(3, 4, (Line("+", "D"),), Level.EXACT)
    assert (runs, problems) == ([first, second], [])


def test_a_new_file_has_no_place_to_look_for() -> None:
    runs, _ = located("create", "", hunk(1, "+a"), hunk(2, "+b"))
    nothing, _ = located("create", "")

    assert runs == [Run(0, 0, (Line("+", "a"), Line("+", "b")), Level.EXACT)]
    assert nothing == []


def test_a_deleted_file_loses_all_lines() -> None:
    whole = [Run(0, 2, (), Level.EXACT)]

    assert located("delete", "a.b") == (whole, [])
    assert located("delete", "a.b", hunk(1, "-a", "-b")) == (whole, [])


def reasons(problems: list[Problem]) -> list[tuple[int, str]]:
    return [(problem.ordinal, problem.failure.reason) for problem in problems]


@pytest.mark.parametrize(
    ("operation", "text", "hunks", "expected"),
    [
        pytest.param(
            "modify",
            "a",
            [hunk(1, " a"), hunk(2, "-a", "+a")],
            [(1, "no_change"), (2, "no_change")],
            id="no-change",
        ),
        pytest.param(
            "modify", "a", [hunk(1, "-a", "+b"), hunk(2, "-x")], [(2, "not_found")], id="not-found"
        ),
        pytest.param("modify", "a.a", [hunk(1, "-a", "+b")], [(1, "ambiguous")], id="ambiguous"),
        pytest.param(
            "modify",
            "a",
            [hunk(1, "-  a", "+b")],
            [(1, "not_found")],
            id="indent-that-cannot-be-cut",
        ),
        pytest.param(
            "modify",
            "a.b.c",
            [hunk(1, "-a", "-b"), hunk(2, "-b", "-c")],
            [(2, "overlap")],
            id="same-line",
        ),
        pytest.param(
            "modify",
            "a.b",
            [hunk(1, " a", "+x"), hunk(2, "+y", " b")],
            [(2, "overlap")],
            id="same-point",
        ),
        pytest.param(
            "modify",
            "a.b",
            [hunk(3, " a", "+x", " b"), hunk(2, "-a", "-b")],
            [(3, "overlap")],
            id="inside-another",
        ),
        pytest.param("delete", "a.b", [hunk(1, "-a")], [(1, "not_empty")], id="lines-left"),
        pytest.param("delete", "a", [hunk(1, "-a", "+b")], [(1, "not_empty")], id="lines-added"),
    ],
)
def test_what_is_wrong_is_told_by_hunk(
    operation: Operation, text: str, hunks: list[Hunk], expected: list[tuple[int, str]]
) -> None:
    """R-15."""
    runs, problems = located(operation, text, *hunks)

    assert (runs, reasons(problems)) == ([], expected)


def test_hunks_may_share_context_and_touch() -> None:
    runs, _ = located("modify", "a.b.c", hunk(1, "-a", "+A", " b"), hunk(2, " a", "-b", "+B", " c"))

    assert [(run.start, run.end) for run in runs] == [(0, 1), (1, 2)]


def test_dropping_a_byte_order_mark_is_a_change() -> None:
    assert located("modify", "a", hunk(1, " a", bom=False)) == ([], [])


def test_a_problem_knows_its_facts() -> None:
    _, (problem,) = located("modify", "a.b.c", hunk(4, "-a", "-b"), hunk(7, "-b", "-c"))

    assert problem.facts == {"path": "x", "hunk": 7, "other": 4, "line": 2}


def test_the_past_of_the_session_counts() -> None:
    made = AppliedHunk("x", "a\n", "b\n", "c1", 9)

    _, (problem,) = located("modify", "a", hunk(1, "-a", "+b"), applied=(made,))

    assert problem.facts["repeat_of"] == {"call_id": "c1", "line": 9}
