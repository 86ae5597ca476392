import os
import socket
from pathlib import Path

import pytest

from codelab_client.trail import kind_of, walk
from codelab_core.tool_errors import ToolError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A workspace beside a folder that is none of ours."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "canary").write_text("secret")
    made = tmp_path / "root"
    (made / "src" / "deep").mkdir(parents=True)
    (made / "src" / "a.py").write_text("a")
    return made


def found(root: Path, path: str, *, follow: bool = True) -> tuple[str, str | None]:
    with walk(root, path, follow=follow) as spot:
        return spot.path, spot.status and kind_of(spot.status)


def failure(root: Path, path: str, *, follow: bool = True) -> tuple[str, dict[str, object]]:
    with pytest.raises(ToolError) as caught, walk(root, path, follow=follow):
        pass
    return str(caught.value.code), caught.value.details


@pytest.mark.parametrize("follow", [True, False])
def test_a_plain_path_leads_to_its_entry(root: Path, *, follow: bool) -> None:
    assert found(root, "src/a.py", follow=follow) == ("src/a.py", "file")
    assert found(root, "src/deep", follow=follow) == ("src/deep", "folder")


def test_a_missing_path_ends_at_the_last_folder_there_is(root: Path) -> None:
    with walk(root, "src/x/y/z", follow=False) as spot:
        assert (spot.missing, spot.name, spot.status) == (("x", "y"), "z", None)
        assert {"a.py", "deep"} == set(spot.folder.names())


def test_a_file_is_no_folder(root: Path) -> None:
    assert failure(root, "src/a.py/b") == ("NOT_A_FILE", {"path": "src/a.py", "kind": "file"})


LINKS = [
    pytest.param("a.py", "src/a.py", id="beside"),
    pytest.param("./deep/../a.py", "src/a.py", id="with-dots"),
    pytest.param("../src//a.py", "src/a.py", id="up-and-down"),
    pytest.param("deep", "src/deep", id="folder"),
    pytest.param("gone", "src/gone", id="dangling-inside"),
]


@pytest.mark.parametrize(("target", "real"), LINKS)
def test_a_symlink_inside_the_root_is_followed(root: Path, target: str, real: str) -> None:
    (root / "src" / "link").symlink_to(target)

    assert found(root, "src/link")[0] == real


@pytest.mark.parametrize(("target", "real"), LINKS)
def test_a_symlink_is_refused_where_it_would_be_written(root: Path, target: str, real: str) -> None:
    (root / "src" / "link").symlink_to(target)

    facts = {"path": "src/link", "kind": "symlink", "target": real}
    assert failure(root, "src/link", follow=False) == ("NOT_A_FILE", facts)


def test_an_absolute_symlink_into_the_root_is_followed(root: Path) -> None:
    (root / "link").symlink_to(root / "src")

    assert found(root, "link/a.py") == ("src/a.py", "file")


def test_symlinks_may_lead_to_symlinks(root: Path) -> None:
    (root / "one").symlink_to("two")
    (root / "two").symlink_to("src")
    (root / "src" / "three").symlink_to("../src/a.py")

    assert found(root, "one/three") == ("src/a.py", "file")


@pytest.mark.parametrize("follow", [True, False])
@pytest.mark.parametrize(
    ("target", "path"),
    [
        pytest.param("../outside/canary", "link", id="file"),
        pytest.param("../outside", "link/canary", id="folder"),
        pytest.param("..", "link/outside/canary", id="parent"),
        pytest.param("/etc/passwd", "link", id="absolute"),
        pytest.param("/", "link/etc/passwd", id="root-of-all"),
        pytest.param("src/../../outside/canary", "link", id="through-a-folder"),
        pytest.param("../outside/gone", "link", id="dangling-outside"),
        pytest.param("src/../../root/src/a.py", "link", id="out-and-in-again"),
    ],
)
def test_a_symlink_out_of_the_root_is_refused(
    root: Path, target: str, path: str, *, follow: bool
) -> None:
    (root / "link").symlink_to(target)

    expected = ("PATH_OUTSIDE_WORKSPACE", {"path": path})
    assert failure(root, path, follow=follow) == expected


def test_an_absolute_symlink_with_dots_does_not_lead_out(root: Path) -> None:
    (root / "link").symlink_to(f"{root}/../outside/canary")

    assert failure(root, "link") == ("PATH_OUTSIDE_WORKSPACE", {"path": "link"})


def test_symlinks_in_a_circle_end(root: Path) -> None:
    (root / "one").symlink_to("two")
    (root / "two").symlink_to("one")

    assert failure(root, "one") == ("NOT_A_FILE", {"path": "one", "kind": "symlink loop"})


def test_a_symlink_to_the_root_is_a_folder(root: Path) -> None:
    (root / "link").symlink_to(".")

    assert failure(root, "link") == ("NOT_A_FILE", {"path": "link", "kind": "folder"})


@pytest.mark.parametrize("target", [".git/config", ".GIT/config", ".git"])
def test_a_symlink_does_not_lead_to_what_is_reserved(root: Path, target: str) -> None:
    (root / target).parent.mkdir(exist_ok=True)
    (root / target).touch()
    (root / "link").symlink_to(target)

    assert failure(root, "link") == ("INVALID_PATH", {"path": "link", "rule": "reserved"})


@pytest.mark.parametrize(
    ("existing", "path"),
    [
        pytest.param("README.md", "readme.md", id="case"),
        pytest.param("src/a.py", "SRC/a.py", id="case-of-a-folder"),
        pytest.param("abc\u0065\u0301", "abc\u00e9", id="unicode-form"),
        pytest.param("stra\u00dfe", "STRASSE", id="case-folding"),
    ],
)
def test_a_name_that_differs_only_in_case_or_form_is_a_twin(
    root: Path, existing: str, path: str
) -> None:
    (root / existing).touch()

    code, details = failure(root, path)

    twin = existing.split("/", maxsplit=1)[0]
    assert ("INVALID_PATH", {"path": path, "rule": "twin", "existing": twin}) == (code, details)


@pytest.mark.parametrize("name", ["README.md", "abc\u00e9", "1234"])
def test_the_exact_name_wins_over_its_twin(root: Path, name: str) -> None:
    (root / name).touch()
    (root / name.upper()).touch()

    assert found(root, name) == (name, "file")


def test_a_hard_link_is_no_twin(root: Path) -> None:
    (root / "name").touch()
    os.link(root / "name", root / "NAME")

    assert found(root, "name") == ("name", "file")


def test_every_kind_of_entry_has_a_name(root: Path) -> None:
    os.mkfifo(root / "pipe")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(os.path.relpath(root / "socket"))
    (root / "link").symlink_to("pipe")

    kinds = [kind_of((root / name).lstat()) for name in ("src", "pipe", "socket", "link")]

    assert kinds == ["folder", "pipe", "socket", "symlink"]
    assert kind_of(Path("/dev/null").stat()) == "device"


@pytest.mark.parametrize("target", ["../outside", "/", "src"])
def test_a_folder_swapped_for_a_symlink_on_the_way_does_not_lead_out(
    root: Path, target: str
) -> None:
    (root / "dir").mkdir()
    (root / "dir" / "canary").write_text("ours")

    def interfere(step: str) -> None:
        if step == "looked:dir":
            (root / "dir").rename(root / "moved")
            (root / "dir").symlink_to(target)

    with (
        pytest.raises(ToolError) as caught,
        walk(root, "dir/canary", follow=True, on_step=interfere),
    ):
        pass

    assert (
        str(caught.value.code),
        caught.value.details,
    ) == ("NOT_A_FILE", {"path": "dir", "kind": "symlink"})


def test_a_root_that_is_gone_is_a_failure_of_the_machine(tmp_path: Path) -> None:
    assert failure(tmp_path / "gone", "a")[0] == "IO_ERROR"


def test_a_folder_that_vanishes_on_the_way_is_a_failure_too(root: Path) -> None:
    (root / "dir").mkdir()

    def interfere(step: str) -> None:
        if step == "looked:dir":
            (root / "dir").rmdir()

    with (
        pytest.raises(ToolError) as caught,
        walk(root, "dir/a", follow=True, on_step=interfere),
    ):
        pass

    assert str(caught.value.code) == "IO_ERROR"
