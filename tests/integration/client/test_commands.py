"""The terminal client's commands, as a person types them."""

import os
import subprocess
from pathlib import Path

from harness.commands import ROOT
from harness.pages import blocks, page, section


def test_the_example_of_the_readme_changes_what_was_approved(tmp_path: Path) -> None:
    """A system of its own, a hunk shown, a `y` from the keyboard, a changed file."""
    (block,) = blocks(section(page("README.md"), "Use it"))
    (tmp_path / "src").mkdir()
    (tmp_path / "src/names.py").write_text("old_name = 1\n")
    (tmp_path / "names.py").write_text("old_name = 1\n")
    path = f"{ROOT}/.venv/bin:{os.environ['PATH']}"  # noqa: TID251 -- of a child
    mine = {"PATH": path, "XDG_STATE_HOME": str(tmp_path / "state")}

    said = subprocess.run(
        ["bash", "-euc", block],
        cwd=tmp_path,
        env=os.environ | mine,  # noqa: TID251 -- of a child
        input="y\n",
        capture_output=True,
        text=True,
        timeout=50,
        check=False,
    )

    assert (said.returncode, said.stderr) == (0, "")
    assert "Applied 1 of 1 hunks in 1 file." in said.stdout
    assert (tmp_path / "src/names.py").read_text() == "new_name = 1\n"
    assert (tmp_path / "names.py").read_text() == "old_name = 1\n"
