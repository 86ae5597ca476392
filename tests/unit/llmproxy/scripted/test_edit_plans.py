from typing import Any

import pytest

from codelab_core.tool_errors import ToolCode, ToolError
from fakes.dialogue import Dialogue
from fakes.scripted_talk import converse
from fakes.tool_player import ALL_TOOLS, ToolPlayer, take_none

SOURCES = {
    "src/a.py": "old = 1\nprint(old)\n",
    "src/deep/b.py": "import old\n",
    "src/deep/c.js": "old();\n",
    "README.md": "# old\n",
}


def asked(
    text: str, player: ToolPlayer, tools: tuple[str, ...] = ALL_TOOLS
) -> tuple[str, list[str]]:
    """The last answer, and the names of all calls."""
    return converse(Dialogue(player, tools), text), player.names


def test_a_text_is_replaced_in_a_file() -> None:
    player = ToolPlayer(dict(SOURCES))

    answer, names = asked('replace "old" with "new" in src/a.py', player)

    assert answer == "Applied 1 of 1 hunks in 1 file."
    assert names == ["read_file", "apply_patch_review", "apply_patch"]
    assert player.files == SOURCES | {"src/a.py": "new = 1\nprint(new)\n"}
    assert player.calls[1][1]["message"] == 'Replace "old" with "new"'


@pytest.mark.parametrize(
    ("targets", "changed", "listings"),
    [
        pytest.param("src/**/*.py", ["src/a.py", "src/deep/b.py"], 1, id="any-folder"),
        pytest.param("src/*.py", ["src/a.py"], 1, id="one-folder"),
        pytest.param("*.md, src/deep/*.js", ["README.md", "src/deep/c.js"], 2, id="two-globs"),
        pytest.param("src/a.py, src/*.py", ["src/a.py"], 1, id="named-twice"),
        pytest.param('"src/a.py" and README.md', ["src/a.py", "README.md"], 0, id="files"),
        pytest.param("**", list(SOURCES), 1, id="all"),
    ],
)
def test_globs_are_listed_and_matched(targets: str, changed: list[str], listings: int) -> None:
    player = ToolPlayer(dict(SOURCES))

    _, names = asked(f"replace 'old' with 'new' in {targets}", player)

    assert [path for path in SOURCES if player.files[path] != SOURCES[path]] == sorted(
        changed, key=list(SOURCES).index
    )
    assert names.count("list_files") == listings


@pytest.mark.parametrize(
    ("glob", "arguments"),
    [
        ("src/**/*.py", {"path": "src", "recursive": True, "pattern": "**/*.py"}),
        ("*.py", {"path": ".", "recursive": False, "pattern": "*.py"}),
        ("a/b/*.py", {"path": "a/b", "recursive": False, "pattern": "*.py"}),
        ("*/b.py", {"path": ".", "recursive": True, "pattern": "*/b.py"}),
    ],
)
def test_a_listing_is_asked_for_relative_to_its_folder(
    glob: str, arguments: dict[str, Any]
) -> None:
    player = ToolPlayer({})

    asked(f'replace "a" with "b" in {glob}', player)

    assert player.calls == [("list_files", arguments | {"include_hidden": False})]


def test_hidden_files_are_listed_where_they_are_meant() -> None:
    player = ToolPlayer({".github/x.yml": "old\n"})

    answer, _ = asked('replace "old" with "new" in .github/*.yml', player)

    assert answer == "Applied 1 of 1 hunks in 1 file."


class OtherClient(ToolPlayer):
    """Lists paths relative to the folder."""

    def _list_files(self, path: str, **_: Any) -> dict[str, Any]:
        return {"files": [{"path": "./a.py"}], "truncated": True}


def test_paths_relative_to_the_listed_folder_are_understood() -> None:
    player = OtherClient({"src/a.py": "old\n"})

    answer, _ = asked('replace "old" with "new" in src/*.py', player)

    assert player.files == {"src/a.py": "new\n"}
    assert answer.endswith("Left out:\n- src/*.py: the list of files was cut")


def test_files_that_cannot_be_changed_are_named_with_the_reason() -> None:
    player = ToolPlayer({"src/a.py": "old\n", "src/b.py": "x" * (2 * 1_048_576 + 1)})

    answer, names = asked('replace "old" with "new" in src/*.py, missing.py, *.js', player)

    assert names.count("read_file") == 2
    assert answer == (
        "Applied 1 of 1 hunks in 1 file.\n\nLeft out:\n- src/b.py: it is larger than 2 MiB\n"
        "- *.js: no file matches\n- missing.py: missing.py does not exist (FILE_NOT_FOUND)"
    )


def test_many_files_that_were_left_out_are_counted() -> None:
    targets = ", ".join(f"missing{n}.py" for n in range(25))

    answer, _ = asked(f'replace "old" with "new" in {targets}', ToolPlayer({}))

    assert answer.count("\n- missing") == 20
    assert answer.endswith("- and 5 more")


@pytest.mark.parametrize(
    ("text", "answer"),
    [
        pytest.param(
            'replace "nowhere" with "x" in src/a.py', "There is nothing to change.", id="no-match"
        ),
        pytest.param('replace "a" with "a" in src/a.py', "There is nothing to replace.", id="same"),
        pytest.param('replace "" with "a" in src/a.py', "There is nothing to replace.", id="empty"),
    ],
)
def test_where_there_is_nothing_to_do_no_file_is_touched(text: str, answer: str) -> None:
    player = ToolPlayer(dict(SOURCES))

    said, names = asked(text, player)

    assert said == answer
    assert set(names) <= {"read_file"}


def test_a_cancelled_review_changes_nothing() -> None:
    player = ToolPlayer(dict(SOURCES), select=take_none)

    assert asked('replace "old" with "new" in src/a.py', player)[0] == "Nothing changed."


def test_a_review_that_is_cancelled_later_says_what_was_done() -> None:
    files = {f"f{n:02d}": "old\n" for n in range(25)}
    player = ToolPlayer(files, select=lambda hunks: {1} if len(hunks) == 20 else set())

    answer, _ = asked('replace "old" with "new" in f*', player)

    assert answer == "Applied 1 of 25 hunks in 1 file."


def test_a_refusal_by_the_person_is_told() -> None:
    rejected = ToolError(ToolCode.REJECTED, "Keep it.", feedback="Keep it.")
    player = ToolPlayer(dict(SOURCES), faults={2: rejected})

    answer, _ = asked('replace "old" with "new" in src/a.py', player)

    assert answer == (
        "Applied 0 of 1 hunks in 0 files. apply_patch failed: Keep it (REJECTED).\n\nLeft out:\n"
        "- src/a.py: Keep it (REJECTED)"
    )


def test_a_list_that_cannot_be_had_is_told() -> None:
    failed = ToolPlayer({}, faults={0: ToolError(ToolCode.IO_ERROR, "Broken.")})
    garbled = ToolPlayer({f"src/{'x' * 50}{n}": "" for n in range(30)}, shown_bytes=400)

    broken = ToolPlayer({f"src/{n}": "" for n in range(30)}, shown_bytes=21)

    players = (failed, garbled, broken)
    answers = [asked('replace "a" with "b" in src/*', player)[0] for player in players]

    assert [answer.rpartition("- ")[2] for answer in answers] == [
        "src/*: Broken (IO_ERROR)",
        "src/*: the list of files is too long to be shown",
        "src/*: the list of files is too long to be shown",
    ]


def test_without_a_list_of_files_globs_cannot_be_used() -> None:
    player = ToolPlayer(dict(SOURCES))

    answer, names = asked('replace "a" with "b" in src/*', player, ("read_file", "apply_patch"))

    assert names == []
    assert "This client offers no list_files (TOOL_NOT_FOUND)" in answer


def test_an_identifier_is_renamed_over_a_whole_repository() -> None:
    files = {
        f"src/m{n:03d}/x.py": "".join(
            f"def f{line}():\n    return 1\n\n" if line % 20 else f"old_name({n})\n"
            for line in range(24)
        )
        for n in range(200)
    }
    player = ToolPlayer(dict(files))

    answer, names = asked('replace "old_name" with "new_name" in src/**/*.py', player)

    assert player.files == {
        name: text.replace("old_name", "new_name") for name, text in files.items()
    }
    assert answer == "Applied 400 of 400 hunks in 200 files."
    assert (names.count("read_file"), names.count("list_files")) == (200, 1)


def test_logging_is_added_and_the_script_of_the_sample_found() -> None:
    player = ToolPlayer({"src/auth.js": "function login(user) {\n  return user;\n}\n"})

    answer, names = asked("Add logging to auth.js", player)

    assert answer == "Applied 1 of 1 hunks in 1 file."
    assert player.files["src/auth.js"] == (
        'function login(user) {\n  console.log("login called");\n  return user;\n}\n'
    )
    assert names == ["read_file", "apply_patch_review", "apply_patch"]


def test_logging_needs_a_language_that_is_known() -> None:
    answer, names = asked("add logging to main.go", ToolPlayer({"main.go": ""}))

    assert names == []
    assert answer == "I can add logging to Python, JavaScript and TypeScript files only."
