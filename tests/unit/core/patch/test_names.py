import pytest

from codelab_core.patch.names import git_names, quote, unquote, without_prefixes


@pytest.mark.parametrize(
    ("shown", "name"),
    [
        pytest.param("a/x.py", "a/x.py", id="plain"),
        pytest.param("a/x.py\t2026-01-01 00:00:00", "a/x.py", id="time-stamp"),
        pytest.param("a/x y.py\t", "a/x y.py", id="space"),
        pytest.param("a/x.py  ", "a/x.py", id="trailing-blanks"),
        pytest.param(r'"a/f\303\266o"', "a/föo", id="octal"),
        pytest.param(r'"a/t\tq\"b\\"', 'a/t\tq"b\\', id="escapes"),
        pytest.param('"a/ö\\303\\266"', "a/öö", id="octal-beside-plain"),
    ],
)
def test_a_name_in_a_header_is_decoded(shown: str, name: str) -> None:
    assert unquote(shown) == name


@pytest.mark.parametrize(
    "shown",
    [
        pytest.param('"a/x', id="no-end"),
        pytest.param(r'"a/\q"', id="unknown-escape"),
        pytest.param(r'"a/\777"', id="above-a-byte"),
        pytest.param(r'"a/\377"', id="no-utf-8"),
    ],
)
def test_a_name_that_cannot_be_decoded_is_an_error(shown: str) -> None:
    with pytest.raises(ValueError, match=r"."):
        unquote(shown)


def test_only_a_double_quote_needs_quoting() -> None:
    assert quote("a/ö x") == "a/ö x"
    assert quote('a/"x"') == r'"a/\"x\""'
    assert unquote(quote('a/"x"')) == 'a/"x"'


@pytest.mark.parametrize(
    ("rest", "names"),
    [
        pytest.param("a/x b/x", ("a/x", "b/x"), id="plain"),
        pytest.param("a/x y b/x y", ("a/x y", "b/x y"), id="spaces"),
        pytest.param("x x", ("x", "x"), id="no-prefix"),
        pytest.param("a/x b/y", ("a/x", "b/y"), id="rename"),
        pytest.param(r'"a/\"" "b/\""', ('a/"', 'b/"'), id="both-quoted"),
        pytest.param(r'a/x "b/\""', ("a/x", 'b/"'), id="new-quoted"),
        pytest.param('"a/x', None, id="quote-without-end"),
        pytest.param("a/x y b/z", None, id="cannot-be-told"),
        pytest.param("", None, id="nothing"),
        pytest.param("a/x", None, id="one-name"),
    ],
)
def test_both_names_are_read_where_they_can_be_told_apart(
    rest: str, names: tuple[str, str] | None
) -> None:
    assert git_names(rest) == names


@pytest.mark.parametrize(
    ("old", "new", "stripped"),
    [
        pytest.param("a/x", "b/x", ("x", "x"), id="pair"),
        pytest.param("a/x", "x", ("a/x", "x"), id="old-alone"),
        pytest.param("x", "b/x", ("x", "b/x"), id="new-alone"),
        pytest.param("/dev/null", "b/x", ("/dev/null", "x"), id="new-file"),
        pytest.param("a/x", "/dev/null", ("x", "/dev/null"), id="deleted-file"),
        pytest.param("a/a/x", "b/a/x", ("a/x", "a/x"), id="only-once"),
    ],
)
def test_prefixes_go_as_a_pair(old: str, new: str, stripped: tuple[str, str]) -> None:
    assert without_prefixes(old, new) == stripped
