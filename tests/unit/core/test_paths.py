import posixpath

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codelab_core.paths import path_problem, same_file_key


@pytest.mark.parametrize(
    "path",
    [
        "a",
        "src/app.py",
        "a" * 255 + "/" + "b" * 255,
        ".github/workflows/ci.yml",
        ".gitignore",
        "git/x",
        "con1/aux2",
        "документы/файл",
        "a b/c d",
        "null.txt",
        "a/...b",
    ],
)
def test_an_ordinary_path_is_fine(path: str) -> None:
    assert path_problem(path) is None


@pytest.mark.parametrize(
    ("path", "rule"),
    [
        ("", "empty"),
        ("a\ud800", "encoding"),
        ("a/" * 600, "too_long"),
        ("é" * 513, "too_long"),
        ("a\x00b", "control"),
        ("a\nb", "control"),
        ("a\x7f", "control"),
        ("a\u2028", "control"),
        ("a\\b", "backslash"),
        ("\\\\server\\share", "backslash"),
        ("/etc/passwd", "absolute"),
        ("//server/share", "absolute"),
        ("C:/x", "drive"),
        ("c:x", "drive"),
        ("e\u0301", "nfc"),
        (".", "segment"),
        ("..", "segment"),
        ("a/../b", "segment"),
        ("a//b", "segment"),
        ("a/", "segment"),
        ("./a", "segment"),
        ("a/" + "b" * 256, "segment"),
        ("é" * 128, "segment"),
        (".git", "reserved"),
        (".GIT/config", "reserved"),
        ("a/.git/hooks/x", "reserved"),
        (".git /x", "reserved"),
        (".git./x", "reserved"),
        (".g\u200cit/config", "reserved"),
        ("git~1/config", "reserved"),
        (".git::$INDEX_ALLOCATION/config", "reserved"),
        ("a.", "trailing"),
        ("a /b", "trailing"),
        ("nul", "device"),
        ("a/CON.txt", "device"),
        ("con .txt", "device"),
        ("nul:x", "device"),
        ("com1", "device"),
        ("LPT\u00b9.log", "device"),
        ("conin$", "device"),
    ],
)
def test_a_path_that_may_leave_the_workspace_breaks_a_rule(path: str, rule: str) -> None:
    assert path_problem(path) == rule


def test_the_whole_tree_is_named_only_where_that_makes_sense() -> None:
    assert path_problem(".", allow_root=True) is None
    assert path_problem("..", allow_root=True) == "segment"


@settings(max_examples=200)
@given(st.text(st.sampled_from("./\\:~ agit\u200c\u0301C\x00é"), max_size=12))
def test_a_good_path_stays_inside_the_tree(path: str) -> None:
    if path_problem(path) is None:
        joined = posixpath.normpath(posixpath.join("/root", path))

        assert joined == f"/root/{path}"
        assert ".git" not in path.lower().split("/")


@pytest.mark.parametrize(
    ("one", "other"),
    [
        pytest.param("README.md", "readme.MD", id="case"),
        pytest.param("\u00e9", "e\u0301", id="unicode-form"),
        pytest.param("Straße", "STRASSE", id="full-folding"),
    ],
)
def test_twins_share_a_key(one: str, other: str) -> None:
    assert same_file_key(one) == same_file_key(other)


def test_other_files_have_other_keys() -> None:
    assert same_file_key("a/b") != same_file_key("a_b")
