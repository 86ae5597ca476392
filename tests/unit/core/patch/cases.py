"""What the tests of the patch engine share: how many examples, texts, diffs, git as oracle."""

import difflib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import anyio
from hypothesis import settings
from hypothesis import strategies as st

from codelab_core.patch.build import prepare
from codelab_core.patch.dialects import parse_patch
from codelab_core.patch.prepared import Base, PreparedPatch
from codelab_core.tool_errors import ToolError

EXAMPLES = max(200, settings().max_examples)
"""Per property; more with `--hypothesis-profile=patch-long`."""
PROPERTY = settings(max_examples=EXAMPLES, deadline=None)
BATCH = 20
"""Diffs that one call of git judges; properties with git run fewer, larger examples."""
BATCHES = settings(max_examples=max(EXAMPLES // BATCH, 1), deadline=None)


@dataclass(frozen=True, slots=True)
class Change:
    """Lines `start` to before `end` of a text give way to `new`."""

    start: int
    end: int
    new: tuple[str, ...]


def changed(lines: Sequence[str], changes: Sequence[Change]) -> list[str]:
    """The lines with the changes made, from the last to the first, so that positions hold."""
    result = list(lines)
    for change in sorted(changes, key=lambda change: change.start, reverse=True):
        result[change.start : change.end] = change.new
    return result


@st.composite
def unique_texts(draw: st.DrawFn, least: int = 1, most: int = 40) -> list[str]:
    """Lines without ends, no two alike even when blanks around them are ignored."""
    count = draw(st.integers(least, most))

    def pick(choices: Sequence[str]) -> list[str]:
        return draw(st.lists(st.sampled_from(choices), min_size=count, max_size=count))

    indents = pick(["", "  ", "\t", "    "])
    tails = pick(["", "", "", " ", "é", "-", "+x"])
    return [f"{indents[at]}line {at}{tails[at]}" for at in range(count)]


@st.composite
def changes_of(draw: st.DrawFn, length: int, apart: int = 1) -> list[Change]:
    """One to five changes in a text, in order, at least `apart` lines between them."""
    changes: list[Change] = []
    at = draw(st.integers(0, max(length - 1, 0)))
    while at <= length and len(changes) < 5:
        end = min(at + draw(st.integers(0, 3)), length)
        new = tuple(f"new {at} {n}" for n in range(draw(st.integers(0, 3))))
        if end > at or new:
            changes.append(Change(at, end, new))
        at = end + apart + draw(st.integers(0, 8))
    return changes or [Change(0, 0, ("new",))]


def udiff(path: str, old: Sequence[str], new: Sequence[str], context: int = 3) -> str:
    """A diff as models know it, from lines without ends."""
    lines = difflib.unified_diff(old, new, f"a/{path}", f"b/{path}", n=context, lineterm="")
    return "".join(f"{line}\n" for line in lines)


def content(lines: Sequence[str], end: str = "\n") -> bytes:
    """Bytes of lines that all have the same end."""
    return "".join(line + end for line in lines).encode()


def prepared(diff: str, bases: dict[str, bytes], **more: Any) -> PreparedPatch:
    """The patch in files with these bytes."""
    return prepare(parse_patch(diff), {path: Base(old) for path, old in bases.items()}, **more)


def details(error: ToolError) -> tuple[str, dict[str, Any]]:
    """What a program sees of an error."""
    return str(error.code), error.details


def git(*arguments: str, cwd: Path, text: bytes = b"", check: bool = True) -> bytes:
    """Run git away from the settings of this machine; its output."""
    quiet = ("-c", "core.autocrlf=false", "-c", "core.quotepath=off", "-c", "core.fsmonitor=false")
    command = ("git", *quiet, *arguments)
    run = partial(anyio.run_process, command, input=text, cwd=cwd, check=check)
    return anyio.run(run).stdout


def git_applied(diff: str, files: dict[str, bytes], folder: Path) -> dict[str, bytes]:
    """What `git apply` makes of the files, in an empty folder; it must accept the diff."""
    for path, old in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(old)
    git("init", "--quiet", cwd=folder)
    git("apply", "--check", "--whitespace=nowarn", "-", cwd=folder, text=diff.encode())
    git("apply", "--whitespace=nowarn", "-", cwd=folder, text=diff.encode())
    kept = (path for path in folder.rglob("*") if path.is_file() and ".git" not in path.parts)
    return {str(path.relative_to(folder)): path.read_bytes() for path in kept}
