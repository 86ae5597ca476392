"""`codelab do`: one task, then the end."""

import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson

from codelab_client.agent_session import AgentSession
from codelab_client.render import call_summary

Frame = Mapping[str, Any]


@dataclass(slots=True)
class Summary:
    """What a task came to: every call with its outcome, the closing answer, files that changed."""

    calls: list[dict[str, Any]] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)
    _open: dict[str, Frame] = field(default_factory=dict)

    def show(self, frame: Frame) -> None:
        """Take one frame, as a screen does."""
        match frame["type"]:
            case "tool_call":
                self._open[frame["call_id"]] = frame
            case "tool_resolved" if frame["phase"] == "result" or frame["outcome"] == "rejected":
                self._resolved(frame)
            case "error":
                self.errors.append(f"{frame['code']}: {frame['message']}")

    def _resolved(self, frame: Frame) -> None:
        """A call is over."""
        call = self._open.pop(frame["call_id"], None)
        if call is None:
            return
        outcome = {"call": call_summary(call["tool_name"], call["arguments"])}
        files = [file["path"] for file in (call.get("guard") or {}).get("files", ())]
        fields = {"tool": call["tool_name"], "outcome": frame["outcome"], "files": files}
        code = {"code": frame["code"]} if "code" in frame else {}
        self.calls.append({**outcome, **fields, **code})

    @property
    def changed_files(self) -> list[str]:
        """Files that a write tool has changed, each once, in order."""
        done = (call for call in self.calls if call["outcome"] == "completed")
        writes = (call for call in done if call["tool"] in {"apply_patch", "write_file"})
        return list(dict.fromkeys(path for call in writes for path in call["files"]))

    def report(self, session: AgentSession, completed: Frame) -> dict[str, Any]:
        """The JSON document of `--json`."""
        turn = completed["turn_id"].removeprefix("t")
        texts = [
            session.transcript.text(message_id)
            for message_id in session.transcript.texts
            if message_id.startswith(f"m{turn}-")
        ]
        return {
            "reason": completed["reason"],
            "answer": texts[-1] if texts else "",
            "changed_files": self.changed_files,
            "calls": self.calls,
            "errors": self.errors,
            "usage": completed["usage"],
            "model": completed.get("model"),
            "provider": completed.get("provider"),
        }


class Both:
    """Two screens as one."""

    def __init__(self, *screens: Any) -> None:
        self._screens = screens

    def show(self, frame: Frame) -> None:
        """Show a frame on each."""
        for screen in self._screens:
            screen.show(frame)


def write_json(report: Mapping[str, Any]) -> None:
    """One document on standard output."""
    sys.stdout.write(orjson.dumps(report, option=orjson.OPT_INDENT_2).decode() + "\n")
