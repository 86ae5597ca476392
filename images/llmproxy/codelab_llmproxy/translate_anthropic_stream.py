"""Answers of Anthropic's dialect, as bytes in any pieces, decoded into chunks. Pure.

Source: API reference, "Streaming messages". Hot: once per token.
"""

from collections.abc import Mapping
from typing import Any, Final

import orjson

from codelab_llmproxy import usage
from codelab_llmproxy.answer_builder import cut
from codelab_llmproxy.chunks import FinishReason
from codelab_llmproxy.dialect import Ask
from codelab_llmproxy.refusals import error_of, stream_complaint
from codelab_llmproxy.stream_decoder import SseLines, StreamDecoder
from codelab_llmproxy.toolcalls import Fragment
from codelab_llmproxy.translate_anthropic_request import SIGNED

_REASONS: Final[Mapping[str, FinishReason]] = {
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "refusal": "content_filter",
}


class AnthropicStreamDecoder(StreamDecoder):
    """Decodes one answer; see `Decoder`. The event `message_stop` may be missing."""

    __slots__ = ("_blocks", "_reason", "_report")

    def __init__(self, ask: Ask) -> None:
        super().__init__(ask, SseLines())
        self._blocks: dict[int, dict[str, Any]] = {}
        self._report: dict[str, Any] = {}
        self._reason: str | None = None

    def _body(self, body: Mapping[str, Any]) -> None:
        """Take one object; events of a kind that is not known say nothing, as pings do."""
        match body.get("type"):
            case "content_block_delta":
                self._delta(body["index"], body["delta"])
            case "content_block_start":
                self._start(body["index"], body["content_block"])
            case "content_block_stop":
                self._answer.end_call(body["index"])
            case "message_start":
                self._count(body["message"].get("usage"))
            case "message_delta":
                self._reason = body["delta"].get("stop_reason") or self._reason
                self._count(body.get("usage"))
            case "message_stop":
                self._end()
            case "error":
                raise error_of(stream_complaint(body.get("error")), self._provider)

    def _start(self, index: int, block: dict[str, Any]) -> None:
        """A block begins; some servers put all of a call there, and then nothing."""
        kind = block["type"]
        if kind == "tool_use":
            whole = orjson.dumps(block["input"]).decode() if block.get("input") else ""
            self._answer.fragment(Fragment(index, block.get("id"), block["name"], whole))
            self._blocks[index] = {"type": kind}
        elif kind == "text":
            self._blocks[index] = {"type": kind, "chars": 0}
            self._say(index, block.get("text"))
        elif kind == "thinking":
            self._blocks[index] = {"type": kind, "thinking": "", "signature": ""} | block
            self._answer.think(block.get("thinking"))
        elif kind in SIGNED:
            self._blocks[index] = block

    def _delta(self, index: int, delta: Mapping[str, Any]) -> None:
        """What one delta adds to its block."""
        match delta["type"]:
            case "text_delta":
                self._say(index, delta["text"])
            case "input_json_delta":
                self._argue(index, delta["partial_json"])
            case "thinking_delta":
                self._blocks[index]["thinking"] += delta["thinking"]
                self._answer.think(delta["thinking"])
            case "signature_delta":
                self._blocks[index]["signature"] += delta["signature"]

    def _argue(self, index: int, text: str) -> None:
        """A piece of the arguments of a call; tools that the provider runs are not ours."""
        if index in self._blocks:
            self._answer.fragment(Fragment(index, arguments=text))

    def _say(self, index: int, text: str | None) -> None:
        """A piece of text; its length tells later where in the answer it stood."""
        if text:
            self._answer.say(text)
            self._blocks[index]["chars"] += len(text)

    def _count(self, report: Mapping[str, Any] | None) -> None:
        """Reports are cumulative: the last value of each field wins."""
        for name, value in (report or {}).items():
            if value is not None:
                self._report[name] = value

    def _end(self) -> None:
        """Make the last chunks."""
        if self._reason is None:
            raise cut()
        counts = usage.from_anthropic(self._report)
        self._answer.finish(_REASONS.get(self._reason), counts, self._facts())

    def _facts(self) -> dict[str, Any]:
        """Signed blocks go back with the history, exactly and in their places; others do not."""
        blocks = [*self._blocks.values()]
        return {"content": blocks} if any(block["type"] in SIGNED for block in blocks) else {}
