import pytest

from codelab_core.patch.canonical import CanonicalHunk
from codelab_core.patch.related import RELATED_MAX, related


def hunk(*rows: str) -> CanonicalHunk:
    return CanonicalHunk(0, 0, tuple(f"{row}\n" for row in rows))


@pytest.mark.parametrize(
    "definition",
    [
        "def new_name(x):",
        "const new_name = 1;",
        "new_name: int = 1",
        "new_name := 1",
        "import new_name",
        "fn new_name() {}",
    ],
)
def test_a_hunk_that_uses_a_new_name_belongs_to_the_one_that_defines_it(definition: str) -> None:
    hunks = [hunk(f"+{definition}"), hunk("+other()"), hunk("-old()", "+new_name()")]

    assert related(hunks) == [[2], [], [0]]


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param(["+call(new_name)"], id="no-definition"),
        pytest.param([" new_name()", "+new_name = 1"], id="old-name"),
        pytest.param(["+if new_name == 1:"], id="comparison"),
        pytest.param(["+ab = 1"], id="too-short"),
        pytest.param(["-new_name = 1"], id="taken-out"),
    ],
)
def test_other_hunks_stand_alone(rows: list[str]) -> None:
    assert related([hunk(*rows), hunk("+new_name()", "+ab()")]) == [[], []]


def test_the_list_of_relatives_is_bounded() -> None:
    users = [hunk("+new_name()") for _ in range(200)]
    definers = [hunk("+new_name = 1") for _ in range(200)]

    one_definer = related([hunk("+new_name = 1"), *users])
    many_definers = related(definers)

    assert one_definer[0] == list(range(1, RELATED_MAX + 1))
    assert one_definer[1:] == [[0]] * 200
    assert many_definers == [[]] * 200
