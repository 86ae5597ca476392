"""Builds the chunks of one answer from what any dialect's stream says. Pure; hot: once per token.

Deltas that come in one read are merged into one chunk; kinds are never merged.
"""

from typing import Any, Final

from codelab_core.error_codes import Code
from codelab_core.errors import CodelabError
from codelab_core.protocol.inference import Usage, WholeCall
from codelab_llmproxy.chunks import Chunk, Finish, FinishReason, Text, Thought
from codelab_llmproxy.dialect import Ask
from codelab_llmproxy.provider_state import seal
from codelab_llmproxy.toolcalls import CallAssembler, Fragment

MAX_MALFORMED: Final = 3


class AnswerBuilder:
    """One answer on its way; `pieces` counts the deltas with content, `is_over` tells its end."""

    __slots__ = ("_calls", "_chunks", "_names", "_provider", "_spoke", "is_over", "pieces")

    def __init__(self, ask: Ask) -> None:
        self._provider = ask.provider
        self._names = ask.names
        self._calls = CallAssembler()
        self._chunks: list[Chunk] = []
        self._spoke = False
        self.pieces = 0
        self.is_over = False

    @property
    def is_calling(self) -> bool:
        """Whether a call has begun."""
        return len(self._calls) > 0

    @property
    def dropped(self) -> int:
        """Calls that have begun and are not whole."""
        return self._calls.unfinished

    def take(self) -> list[Chunk]:
        """The chunks since the last time."""
        chunks, self._chunks = self._chunks, []
        return chunks

    def say(self, text: Any) -> None:
        """A piece of the answer; raises `TypeError` for what is no text."""
        if text:
            self._spoke = True
            self._add(Text, text)

    def think(self, text: Any) -> None:
        """A piece of the reasoning; raises `TypeError` for what is no text."""
        if text:
            self._add(Thought, text)

    def fragment(self, fragment: Fragment) -> None:
        """A piece of a call; raises `MODEL_OUTPUT_INVALID` where it fits nowhere."""
        self.pieces += 1
        self._calls.add(fragment)
        self._give_calls()

    def end_call(self, key: int) -> None:
        """The provider has closed a call; raises `MODEL_OUTPUT_INVALID` where it is not whole."""
        self._calls.end(key)
        self._give_calls()

    def malformed(self, count: int, error: Exception) -> None:
        """Raise for an event that cannot be passed over: one inside a call, and the third."""
        if self.is_calling or count >= MAX_MALFORMED:
            raise CodelabError(Code.PROVIDER_ERROR, "malformed") from error

    def finish(
        self, reason: FinishReason | None, usage: Usage | None, facts: dict[str, Any]
    ) -> None:
        """Make the last chunks; `reason` is `None` where the provider was done by itself.

        An answer without text and calls is none, unless it was cut. `facts` go back to the provider
        with the history.
        """
        self.is_over = True
        self._give_calls(self._rest(reason))
        ended: FinishReason = reason or ("tool_calls" if self.is_calling else "stop")
        if ended == "stop" and not self._spoke:
            raise CodelabError(Code.MODEL_OUTPUT_INVALID, "empty_answer")
        if usage:
            self._chunks.append(usage)
        self._chunks.append(Finish(ended, seal(self._provider, facts)))

    def _rest(self, reason: FinishReason | None) -> list[WholeCall]:
        """The calls that are left; one that is not whole is an error that knows the reason."""
        try:
            return self._calls.finish()
        except CodelabError as error:
            error.details["finish_reason"] = reason
            raise

    def _add(self, kind: type[Text] | type[Thought], text: Any) -> None:
        """Add text to the last chunk where it is of the same kind, else make one."""
        if not isinstance(text, str):
            raise TypeError("text that is no string")
        self.pieces += 1
        last = self._chunks[-1] if self._chunks else None
        if isinstance(last, kind):
            self._chunks[-1] = kind(last.text + text)
        else:
            self._chunks.append(kind(text))

    def _give_calls(self, calls: list[WholeCall] | None = None) -> None:
        """Make chunks of whole calls, under our names for their tools."""
        for call in self._calls.take() if calls is None else calls:
            name = self._names.from_provider(call.name)
            self._chunks.append(call.model_copy(update={"name": name}))


def cut() -> CodelabError:
    """The error of a stream that ended before its answer did."""
    return CodelabError(Code.PROVIDER_ERROR, "cut")
