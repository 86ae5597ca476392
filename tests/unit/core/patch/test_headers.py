import pytest

from codelab_core.patch.headers import Header, at_header, read_header
from codelab_core.patch.model import FilePatch
from codelab_core.patch.reader import Reader
from codelab_core.tool_errors import ToolError
from unit.core.patch.cases import details


@pytest.mark.parametrize(
    ("head", "file"),
    [
        pytest.param("--- a/x\n+++ b/x\n", FilePatch("modify", "x"), id="traditional"),
        pytest.param("--- x\n+++ x\n", FilePatch("modify", "x"), id="no-prefixes"),
        pytest.param(
            "diff --git a/x b/x\nindex 1..2 100644\n--- a/x\n+++ b/x\n",
            FilePatch("modify", "x"),
            id="git",
        ),
        pytest.param(
            "diff --git x x\n--- /dev/null\n+++ b/x\n",
            FilePatch("create", "b/x"),
            id="git-without-prefixes-keeps-a-folder-b",
        ),
        pytest.param("--- /dev/null\n+++ b/x\n", FilePatch("create", "x"), id="new"),
        pytest.param("--- a/x\n+++ /dev/null\n", FilePatch("delete", "x"), id="deleted"),
        pytest.param(
            "diff --git a/x b/x\nnew file mode 100755\n",
            FilePatch("create", "x", executable=True),
            id="new-empty-executable",
        ),
        pytest.param(
            "diff --git a/x b/x\ndeleted file mode 100644\n",
            FilePatch("delete", "x", executable=False),
            id="deleted-empty",
        ),
        pytest.param(
            "diff --git a/x b/x\nold mode 100755\nnew mode 100644\n",
            FilePatch("modify", "x", executable=False),
            id="mode",
        ),
        pytest.param(
            "diff --git a/x b/y\nsimilarity index 90%\nrename from x\nrename to y\n"
            "--- a/x\n+++ b/y\n",
            FilePatch("rename", "y", "x"),
            id="rename",
        ),
        pytest.param(
            "diff --git a/x b/x\nrename from x\nrename to x\n--- a/x\n+++ b/x\n",
            FilePatch("modify", "x"),
            id="rename-to-itself",
        ),
    ],
)
def test_the_head_says_what_becomes_of_which_file(head: str, file: FilePatch) -> None:
    reader = Reader(head + "@@")

    assert at_header(reader)
    assert read_header(reader) == Header(file, crlf=False)
    assert reader.peek() == "@@"


def test_a_cr_in_the_head_is_noticed() -> None:
    assert read_header(Reader("--- a/x\r\n+++ b/x\r\n")) == Header(
        FilePatch("modify", "x"), crlf=True
    )
    git = Reader("diff --git a/x b/x\n--- a/x\r\n+++ b/x\r\n")
    assert read_header(git) == Header(FilePatch("modify", "x"), crlf=True)


@pytest.mark.parametrize(
    ("head", "reason"),
    [
        pytest.param("--- a/x\n+++ b/y\n", "syntax", id="two-names"),
        pytest.param("--- /dev/null\n+++ /dev/null\n", "syntax", id="no-name"),
        pytest.param('--- "a/x\n+++ b/x\n', "syntax", id="damaged-quotes"),
        pytest.param("diff --git a/x y b/z\n", "syntax", id="names-not-told"),
        pytest.param(
            "diff --git a/x b/y\nrename from x\nrename to y\n--- a/x\n+++ b/z\n",
            "syntax",
            id="another-name-than-the-rename",
        ),
        pytest.param(
            "diff --git a/x b/x\nnew file mode 100644\n--- a/x\n+++ /dev/null\n",
            "syntax",
            id="created-and-deleted",
        ),
        pytest.param("diff --git a/x b/y\ncopy from x\ncopy to y\n", "unsupported", id="copy"),
        pytest.param(
            "diff --git a/x b/x\nnew file mode 120000\n--- /dev/null\n+++ b/x\n",
            "unsupported",
            id="symlink",
        ),
        pytest.param(
            "diff --git a/x b/x\nindex 1..2 160000\n--- a/x\n+++ b/x\n",
            "unsupported",
            id="submodule",
        ),
        pytest.param("diff --git a/x b/x\nGIT binary patch\n", "unsupported", id="binary"),
        pytest.param(
            "diff --git a/x b/x\nindex 1..2\nBinary files a/x and b/x differ\n",
            "unsupported",
            id="binary-not-shown",
        ),
    ],
)
def test_a_head_that_cannot_be_followed_is_refused(head: str, reason: str) -> None:
    """R-15."""
    with pytest.raises(ToolError) as caught:
        read_header(Reader(head))

    assert (caught.value.code, caught.value.details["reason"]) == ("PATCH_INVALID", reason)


@pytest.mark.parametrize(
    "head",
    [
        pytest.param("--- a/../x\n+++ b/../x\n", id="both"),
        pytest.param("diff --git a/x b/../x\nrename from x\nrename to ../x\n", id="target"),
        pytest.param("diff --git a/../x b/x\nrename from ../x\nrename to x\n", id="source"),
    ],
)
def test_a_path_outside_is_refused(head: str) -> None:
    """R-15."""
    with pytest.raises(ToolError) as caught:
        read_header(Reader(head))

    assert details(caught.value) == ("INVALID_PATH", {"path": "../x", "rule": "segment"})


def test_two_lines_are_needed_to_name_a_file() -> None:
    assert not at_header(Reader("--- a/x\n@@"))
    assert not at_header(Reader("+++ b/x\n"))
