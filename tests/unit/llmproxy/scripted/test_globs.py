import pytest

from codelab_llmproxy.scripted.globs import compiled, folder, is_glob


@pytest.mark.parametrize(
    ("glob", "matching", "others"),
    [
        pytest.param("*.py", ["a.py", ".py"], ["src/a.py", "a.pyc", "aXpy"], id="star"),
        pytest.param("src/*.py", ["src/a.py"], ["src/b/a.py", "a.py"], id="folder"),
        pytest.param("**/*.py", ["a.py", "b/a.py", "c/b/a.py"], ["a.js"], id="any-folder"),
        pytest.param("src/**", ["src/a", "src/b/c"], ["srca", "src"], id="all-below"),
        pytest.param("a/**/b/**/c", ["a/b/c", "a/x/b/y/z/c"], ["a/c"], id="two"),
        pytest.param("**/**/a", ["a", "b/a"], ["ba"], id="repeated"),
        pytest.param("a?.py", ["ab.py"], ["a.py", "a/.py"], id="question"),
        pytest.param("[a-c]1", ["a1", "c1"], ["d1", "-1"], id="class"),
        pytest.param("x[!ab]y", ["xcy"], ["xay", "x/y"], id="negated"),
        pytest.param("x[^a]y", ["xcy"], ["xay"], id="negated-otherwise"),
        pytest.param("a[b.py", ["a[b.py"], ["ab.py"], id="unclosed"),
        pytest.param("[z-a]", ["[z-a]"], ["b"], id="senseless"),
        pytest.param("a+(b).py", ["a+(b).py"], ["aab.py"], id="literal"),
    ],
)
def test_patterns_match_whole_paths(glob: str, matching: list[str], others: list[str]) -> None:
    pattern = compiled(glob)

    assert [path for path in matching + others if pattern.fullmatch(path)] == matching


@pytest.mark.parametrize(
    ("glob", "expected"),
    [
        ("*.py", "."),
        ("src/*.py", "src"),
        ("src/a/**/b.py", "src/a"),
        ("**/a", "."),
        ("s?c/a/*", "."),
        ("a/b", "a"),
    ],
)
def test_the_folder_holds_every_match(glob: str, expected: str) -> None:
    assert folder(glob) == expected


def test_a_path_with_signs_of_a_pattern_is_one() -> None:
    assert [is_glob(text) for text in ("a/b.py", "*", "a?", "a[1]", "")] == [
        False,
        True,
        True,
        True,
        False,
    ]
