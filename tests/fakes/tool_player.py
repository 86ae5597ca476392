"""Plays the tools of a client and the judgement of the runtime on a dict of files.

Patches go through the real engine; a result is shown to the model as the runtime shows it.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Any

from codelab_core.patch.apply import applied_hunks
from codelab_core.patch.build import prepare
from codelab_core.patch.canonical import patch_key
from codelab_core.patch.dialects import parse_patch
from codelab_core.patch.prepared import Base, PreparedPatch
from codelab_core.patch.select import select
from codelab_core.patch.selection import Selection
from codelab_core.tool_errors import ToolCode, ToolError
from codelab_runtime.showing import shown

ALL_TOOLS = (
    "read_file",
    "write_file",
    "git.diff",
    "apply_patch",
    "apply_patch_review",
    "prompt_user",
    "list_files",
)

Arguments = Mapping[str, Any]
Result = dict[str, Any]


def take_all(hunks: Sequence[Mapping[str, Any]]) -> set[int]:
    """The person who applies every hunk."""
    return {hunk["ordinal"] for hunk in hunks}


def take_none(_hunks: Sequence[Mapping[str, Any]]) -> set[int]:
    """The person who cancels every review."""
    return set()


@dataclass
class ToolPlayer:
    """A workspace; `calls` are all that was asked of it, `faults` answer a call by its number."""

    files: dict[str, str]
    select: Callable[[Sequence[Mapping[str, Any]]], set[int]] = take_all
    read_limit: int = 1_048_576
    shown_bytes: int = 65_536
    action: str = "yes"
    diff: Result = field(default_factory=lambda: {"diff": "", "files": []})
    faults: dict[int, ToolError] = field(default_factory=dict)
    meddle: dict[int, Callable[["ToolPlayer"], None]] = field(default_factory=dict)
    calls: list[tuple[str, Arguments]] = field(default_factory=list)
    known: dict[str, Base | None] = field(default_factory=dict)
    applied: list[Any] = field(default_factory=list)
    reviewed: dict[str, PreparedPatch] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        """Names of the calls so far."""
        return [name for name, _ in self.calls]

    def play(self, name: str, arguments: Arguments) -> str:
        """The content of the tool message for one call."""
        number = len(self.calls)
        self.calls.append((name, arguments))
        try:
            if number in self.faults:
                raise self.faults[number]
            if number in self.meddle:
                self.meddle[number](self)
            tool: Callable[..., Result] = getattr(self, f"_{name.replace('.', '_')}")
            result: Result = {"success": True, **tool(**arguments)}
        except ToolError as error:
            result = {"success": False, "error": error.to_wire()}
        return shown(result, self.shown_bytes)

    def _read_file(self, path: str, start_line: int = 1, end_line: int | None = None) -> Result:
        text = self._text(path)
        lines = text.split("\n")
        lines = [f"{line}\n" for line in lines[:-1]] + ([lines[-1]] if lines[-1] else [])
        if start_line > max(len(lines), 1):
            raise ToolError(ToolCode.INVALID_RANGE, "No such range.", path=path)
        wanted = lines[start_line - 1 : end_line]
        fitting = sum(size <= self.read_limit for size in accumulate(map(len, wanted)))
        shown = wanted[:fitting] or [line[: self.read_limit] for line in wanted[:1]]
        is_cut = sum(map(len, shown)) < sum(map(len, wanted))
        self.known[path] = Base(text.encode())
        return {
            "content": "".join(shown),
            "encoding": "utf-8",
            "sha256": sha256(text),
            "size": len(text.encode()),
            "start_line": start_line,
            "end_line": start_line + len(shown) - 1,
            "total_lines": len(lines),
            "truncated": is_cut,
            "eol": "lf",
            "bom": False,
        }

    def _write_file(self, path: str, content: str) -> Result:
        if path in self.files and path not in self.known:
            raise ToolError(ToolCode.CONFLICT, "Read it first.", path=path)
        self.files[path] = content
        self.known[path] = Base(content.encode())
        return {"bytes_written": len(content.encode())}

    def _git_diff(self, **_: Any) -> Result:
        return self.diff

    def _prompt_user(self, message: str, actions: Sequence[str]) -> Result:
        return {"action": self.action}

    def _list_files(self, path: str, **_: Any) -> Result:
        start = "" if path == "." else f"{path}/"
        below = [name for name in self.files if name.startswith(start)]
        files = [{"path": name, "size": len(self.files[name].encode())} for name in below]
        return {"files": files, "truncated": False}

    def _apply_patch_review(
        self, diff: str, message: str = "", at: Sequence[Mapping[str, int]] = ()
    ) -> Result:
        prepared = self._prepared(diff, at)
        hunks = [hunk.to_wire() for hunk in prepared.hunks]
        chosen = select(prepared, self.known, Selection(ordinals=frozenset(self.select(hunks))))
        review_id = f"c1-{len(self.calls)}-0"
        if chosen.prepared:
            self.reviewed[review_id] = chosen.prepared
        return chosen.report() | {"review_id": review_id}

    def _apply_patch(
        self,
        diff: str | None = None,
        review_id: str | None = None,
        at: Sequence[Mapping[str, int]] = (),
    ) -> Result:
        reviews = {patch_key(patch.diff): patch for patch in self.reviewed.values()}
        known = self.reviewed.get(review_id or "") or reviews.get(patch_key(diff or ""))
        prepared = known or self._prepared(diff or "", at)
        for change in prepared.files:
            if sha256(self.files[change.path]) != change.pre_sha:
                self.known.pop(change.path)
                raise ToolError(ToolCode.CONFLICT, "It has changed.", path=change.path)
        for path, content in prepared.posts.items():
            self.files[path] = (content or b"").decode()
            self.known[path] = Base(content or b"")
        self.applied += applied_hunks(prepared.diff, f"c1-{len(self.calls)}-0")
        return {
            "applied": [{"hunk_id": hunk.hunk_id, "path": hunk.path} for hunk in prepared.hunks],
            "refused": [],
            "files_modified": sorted(prepared.posts),
        }

    def _prepared(self, diff: str, at: Sequence[Mapping[str, int]]) -> PreparedPatch:
        places = {place["hunk"]: place["line"] for place in at}
        return prepare(parse_patch(diff), self.known, at=places, applied=self.applied)

    def _text(self, path: str) -> str:
        if path not in self.files:
            raise ToolError(ToolCode.FILE_NOT_FOUND, f"{path} does not exist.", path=path)
        return self.files[path]


def sha256(text: str) -> str:
    """Hash of a text as the tools give it."""
    return hashlib.sha256(text.encode()).hexdigest()
