import pytest

from codelab_llmproxy.scripted.phrases import clauses, file_name, items, unquoted


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        pytest.param("read a", ["read a"], id="one"),
        pytest.param("read a then open b", ["read a", "open b"], id="two"),
        pytest.param("read a, then b; and then c. Then d", ["read a", "b", "c", "d"], id="marks"),
        pytest.param('write "a then b" to c', ['write "a then b" to c'], id="quoted"),
        pytest.param("write 'a then b' to c", ["write 'a then b' to c"], id="single-quoted"),
        pytest.param("write “a then b” to c", ["write “a then b” to c"], id="curly"),
        pytest.param(r'echo "a\" then b" then c', [r'echo "a\" then b"', "c"], id="escaped"),
        pytest.param("don't then won't", ["don't", "won't"], id="apostrophes"),
        pytest.param('say "a then b', ['say "a', "b"], id="unclosed"),
        pytest.param("athena", ["athena"], id="inside-a-word"),
        pytest.param("  ", [], id="nothing"),
    ],
)
def test_then_joins_requests(text: str, parts: list[str]) -> None:
    assert clauses(text) == parts


@pytest.mark.parametrize(
    ("text", "entries"),
    [
        pytest.param("a, b,c", ["a", "b", "c"], id="commas"),
        pytest.param("a, b and c or d, and e", ["a", "b", "c", "d", "e"], id="words"),
        pytest.param("'a, b', \"c and d\"", ["a, b", "c and d"], id="quoted"),
        pytest.param("sand.py", ["sand.py"], id="inside-a-word"),
    ],
)
def test_lists_are_split(text: str, entries: list[str]) -> None:
    assert items(text) == entries


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        pytest.param('"a"', "a", id="double"),
        pytest.param("'it\\'s'", "it's", id="single"),
        pytest.param("“a”", "a", id="curly"),
        pytest.param(r'"a\n\t\"\\b\d"', 'a\n\t"\\b\\d', id="escapes"),
        pytest.param("\"a'", "\"a'", id="no-pair"),
        pytest.param('"', '"', id="too-short"),
        pytest.param("a", "a", id="no-quotes"),
    ],
)
def test_quotes_and_escapes_are_resolved(text: str, plain: str) -> None:
    assert unquoted(text) == plain


def test_a_file_name_has_no_quotes_and_no_end_of_a_sentence() -> None:
    assert [file_name(text) for text in ("a.py.", '"b.py."', "c,", ".env")] == [
        "a.py",
        "b.py.",
        "c",
        ".env",
    ]
