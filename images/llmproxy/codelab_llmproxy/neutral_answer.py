"""The frames of one inference, folded into the one JSON answer of `/llm/chat`. Pure."""

from typing import Any

import orjson

from codelab_core.error_codes import Code
from codelab_core.errors import CodelabError, from_wire
from codelab_core.protocol.inference import DONE, ERROR, RESTART, TOKEN, TOOL_CALL, USAGE
from codelab_llmproxy.record import frame_data, frame_kind


class AnswerFold:
    """Takes frames in order; comments say nothing and are passed over.

    An `error` event is raised by `answer`, not where it comes: there it would tear down more.
    """

    def __init__(self, inference_id: str) -> None:
        self._inference_id = inference_id
        self._texts: list[str] = []
        self._calls: list[dict[str, Any]] = []
        self._usage: dict[str, Any] = {}
        self._done: dict[str, Any] | None = None
        self._error: CodelabError | None = None

    def add(self, frame: bytes) -> None:
        """Take one frame."""
        if frame.startswith(b":"):
            return
        value = orjson.loads(frame_data(frame))
        match frame_kind(frame):
            case kind if kind == TOKEN:
                self._texts.append(value["token"])
            case kind if kind == TOOL_CALL:
                self._calls.append(value)
            case kind if kind == USAGE:
                self._usage = value
            case kind if kind == RESTART:
                self._texts, self._calls = [], []
            case kind if kind == DONE:
                self._done = value
            case kind if kind == ERROR:
                self._error = from_wire(value)

    def answer(self) -> dict[str, Any]:
        """The whole answer.

        Raises the error that came instead, `UNAVAILABLE`/draining where the frames ended too early.
        """
        if self._error:
            raise self._error
        if self._done is None:
            raise CodelabError(Code.UNAVAILABLE, "draining", retry_after_ms=0)
        message = {
            "role": "assistant",
            "content": "".join(self._texts),
            "tool_calls": self._calls,
            "provider_state": self._done.get("provider_state"),
        }
        return {
            "inference_id": self._inference_id,
            "message": {name: value for name, value in message.items() if value is not None},
            "finish_reason": self._done["finish_reason"],
            "usage": self._usage,
            "model": self._done["model"],
            "provider": self._done["provider"],
        }
