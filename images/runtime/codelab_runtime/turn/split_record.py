"""The record of a patch that is carried out as one `write_file` for each of its files."""

from typing import Any, Literal

from codelab_core.protocol.frames import Outgoing


class FileWrite(Outgoing):
    """One of them; `call_id` is that of the patch with a suffix."""

    call_id: str
    path: str
    content: str


class ToolSplit(Outgoing):
    """The client has no tool for patches; the patch is over when all its files are."""

    rec: Literal["tool_split"] = "tool_split"
    call_id: str
    diff: str
    guard: dict[str, Any]
    review: dict[str, Any]
    writes: list[FileWrite]
