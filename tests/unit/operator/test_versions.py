import pytest

from codelab_operator.versions import is_at_least, is_supported, release_of


@pytest.mark.parametrize(
    ("version", "release"),
    [("0.1.0", (0, 1, 0)), ("1.20.3-rc.1", (1, 20, 3)), ("1.2.3-a.b-c", (1, 2, 3))],
)
def test_a_version_stands_for_a_release(version: str, release: tuple[int, int, int]) -> None:
    assert release_of(version) == release


@pytest.mark.parametrize("text", ["", "1", "1.2", "a.b.c", "1.2.3.4"])
def test_text_that_is_no_version_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"unpack|literal"):
        release_of(text)


@pytest.mark.parametrize(
    ("version", "expected"),
    [
        ("1.5.9", True),
        ("1.5.0-rc.1", True),
        ("1.4.0", True),
        ("1.3.7", True),
        ("1.2.9", False),
        ("1.6.0", False),
        ("0.5.0", False),
        ("2.5.0", False),
    ],
)
def test_an_operator_runs_its_own_minor_version_and_the_two_before(
    version: str, *, expected: bool
) -> None:
    assert is_supported(version, "1.5.2") is expected


@pytest.mark.parametrize(
    ("version", "expected"),
    [("1.5.0", True), ("1.5.0-rc.1", True), ("1.10.0", True), ("1.4.9", False)],
)
def test_what_came_with_a_release_stays(version: str, *, expected: bool) -> None:
    assert is_at_least(version, "1.5.0") is expected
