import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codelab_client.globs import name_matcher, path_matcher

MATCHES = [
    pytest.param("*.py", "a.py", True, id="star"),
    pytest.param("*.py", "src/a.py", False, id="star-stays-in-its-segment"),
    pytest.param("src/*.py", "src/a.py", True, id="star-in-a-folder"),
    pytest.param("src/*.py", "src/x/a.py", False, id="star-does-not-go-deeper"),
    pytest.param("**/*.py", "a.py", True, id="no-folder-is-also-any"),
    pytest.param("**/*.py", "src/x/a.py", True, id="any-folders"),
    pytest.param("src/**", "src/x/a.py", True, id="everything-below"),
    pytest.param("src/**/test_*.py", "src/test_a.py", True, id="folders-in-the-middle-none"),
    pytest.param("src/**/test_*.py", "src/x/y/test_a.py", True, id="folders-in-the-middle-two"),
    pytest.param("src/**/test_*.py", "lib/test_a.py", False, id="other-folder"),
    pytest.param("**/x/**/y", "a/x/b/x/c/y", True, id="two-of-them"),
    pytest.param("a?c", "abc", True, id="one-character"),
    pytest.param("a?c", "a/c", False, id="not-a-slash"),
    pytest.param("[ab].py", "b.py", True, id="class"),
    pytest.param("*.{ts,tsx}", "a.tsx", True, id="braces"),
    pytest.param("{src,lib}/**/*.{js,ts}", "lib/x/a.js", True, id="braces-twice"),
    pytest.param("*.{ts,tsx}", "a.js", False, id="neither"),
    pytest.param("./src/*.py", "src/a.py", True, id="leading-dot"),
    pytest.param("README.md", "readme.md", False, id="case-counts"),
    pytest.param("a", "a/b", False, id="not-a-prefix"),
    pytest.param("a/b", "a", False, id="nor-the-reverse"),
    pytest.param("/", "a", False, id="nothing"),
    pytest.param("a(b)+", "a(b)+", True, id="no-expression"),
]


@pytest.mark.parametrize(("pattern", "path", "expected"), MATCHES)
def test_a_pattern_matches_a_whole_path(pattern: str, path: str, *, expected: bool) -> None:
    assert expected is path_matcher(pattern)(path)


def test_a_pattern_without_slash_may_be_about_names_alone() -> None:
    assert name_matcher("*.py")("src/x/a.py")


def test_a_pattern_with_slash_never_is() -> None:
    assert not name_matcher("x/*.py")("src/x/a.py")


def test_too_many_alternatives_are_refused() -> None:
    with pytest.raises(ValueError, match="more than 64 alternatives"):
        path_matcher("{a,b}" * 7)


def test_sixty_four_alternatives_are_fine() -> None:
    assert path_matcher("{a,b}" * 6)("ababab")


@pytest.mark.parametrize(
    "pattern",
    [
        pytest.param("*a" * 300 + "b", id="stars"),
        pytest.param("**/" * 300 + "b", id="folders"),
        pytest.param("?*" * 300 + "b", id="both"),
    ],
)
def test_a_hostile_pattern_takes_little_time(pattern: str) -> None:
    matches = path_matcher(pattern)
    path = "a" * 250 + "/" + "/".join("a" * 380)
    begin = time.process_time()

    matches(path)

    assert time.process_time() - begin < 0.2


@settings(max_examples=200, deadline=None)
@given(st.text("a*?[]{}/.!-&|~", max_size=20), st.text("ab/", max_size=10))
def test_any_text_is_a_pattern(pattern: str, path: str) -> None:
    assert path_matcher(pattern)(path) in {True, False}


@settings(max_examples=200, deadline=None)
@given(st.lists(st.text("ab.", min_size=1, max_size=3), min_size=1, max_size=4))
def test_a_path_of_plain_names_matches_itself_and_any_folders(names: list[str]) -> None:
    path = "/".join(names)

    assert path_matcher(f"**/{path}")(path)
    assert path_matcher("**")(path)
