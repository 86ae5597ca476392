"""A client that has two tools only: it reads and writes the files of a folder."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

TOOLS = ["read_file", "write_file"]


@dataclass
class Writer:
    """Executes calls as an editor does that knows no patches; `ran` counts them by id."""

    folder: Path
    ran: Counter[str] = field(default_factory=Counter)

    def run(self, call: Mapping[str, Any]) -> dict[str, Any]:
        """`result` or `error` of one call."""
        self.ran[call["call_id"]] += 1
        path = self.folder / call["arguments"]["path"]
        if call["tool_name"] == "read_file":
            return {"result": _read(path)}
        return self._write(path, call)

    def _write(self, path: Path, call: Mapping[str, Any]) -> dict[str, Any]:
        (guard,) = call["guard"]["files"]
        before = sha256(path.read_bytes()).hexdigest() if path.exists() else "absent"
        if before != guard["pre_sha"]:
            details = {"path": guard["path"], "expected_sha": guard["pre_sha"]}
            message = "The file is not as it was."
            return {"error": {"code": "CONFLICT", "message": message, "details": details}}
        path.write_bytes(call["arguments"]["content"].encode())
        assert sha256(path.read_bytes()).hexdigest() == guard["post_sha"]
        return {"result": {"success": True, "bytes_written": path.stat().st_size}}


def _read(path: Path) -> dict[str, Any]:
    """A whole file."""
    content = path.read_bytes()
    lines = content.count(b"\n")
    return {
        "success": True,
        "content": content.decode(),
        "encoding": "utf-8",
        "sha256": sha256(content).hexdigest(),
        "size": len(content),
        "start_line": 1,
        "end_line": lines,
        "total_lines": lines,
        "truncated": False,
    }
