"""Tool calls that arrive in pieces: a call is made only when it is whole. Pure.

Life of a call: open, args, closed (the braces are balanced), ended (the provider went on). Anything
that is not a complete JSON object at its end is a failure, never a call with other arguments.
"""

from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

import orjson

from codelab_core.error_codes import Code
from codelab_core.errors import CodelabError
from codelab_core.protocol.inference import WholeCall
from codelab_llmproxy.object_scan import JSON_SPACE, ObjectScan

MAX_ARGUMENT_CHARS: Final = 8 * 1024 * 1024


class CallState(Enum):
    """How far a call has come."""

    OPEN = "open"
    ARGS = "args"
    CLOSED = "closed"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class Fragment:
    """What one delta says of one call; `key` is the provider's index, where it gave one."""

    key: int | None = None
    call_id: str | None = None
    name: str | None = None
    arguments: str = ""


class OpenCall:
    """One call on its way."""

    __slots__ = ("_chars", "_scan", "_texts", "call_id", "index", "key", "name", "state")

    def __init__(self, index: int, key: int, first: Fragment) -> None:
        self.index = index
        self.key = key
        self.call_id = first.call_id
        self.name = first.name or ""
        self.state = CallState.OPEN
        self._scan = ObjectScan()
        self._texts: list[str] = []
        self._chars = 0

    def append(self, text: str) -> None:
        """Take the next piece of the arguments; raises `ValueError` where it cannot belong."""
        self._scan.feed(text)
        self._texts.append(text)
        self._chars += len(text)
        if self._chars > MAX_ARGUMENT_CHARS:
            raise ValueError("arguments are too long")
        if text and self.state is CallState.OPEN:
            self.state = CallState.ARGS
        if self._scan.closed and self.state is CallState.ARGS:
            self.state = CallState.CLOSED

    def close(self) -> None:
        """No more will come; raises `ValueError` where it is not complete."""
        if self.state is CallState.ARGS and "".join(self._texts).strip(JSON_SPACE):
            raise ValueError("it is not complete")
        self.state = CallState.CLOSED

    def whole(self) -> WholeCall:
        """The finished call; no text at all means no arguments. Raises `ValueError` otherwise."""
        text = "".join(self._texts)
        is_blank = not text.strip(JSON_SPACE)
        if not self.name or (self.state is CallState.ARGS and not is_blank):
            raise ValueError("it is not complete")
        arguments: dict[str, Any] = {} if is_blank else orjson.loads(text)
        self.state = CallState.ENDED
        return WholeCall(index=self.index, name=self.name, arguments=arguments)


class CallAssembler:
    """All calls of one answer: sorts the fragments, gives each call out once, in order."""

    __slots__ = ("_calls", "_given", "_ready")

    def __init__(self) -> None:
        self._calls: list[OpenCall] = []
        self._ready: list[WholeCall] = []
        self._given = 0

    def __len__(self) -> int:
        return len(self._calls)

    @property
    def unfinished(self) -> int:
        """Calls that have begun and were not given out."""
        return len(self._calls) - self._given

    def add(self, fragment: Fragment) -> None:
        """Take one fragment.

        A fragment that begins another call ends those before it whose braces have closed.
        Raises `MODEL_OUTPUT_INVALID`/tool_call_incomplete when it fits nowhere.
        """
        try:
            call = self._find(fragment)
            if call is None:
                self._end_closed()
                call = self._open(fragment)
            call.name = call.name or fragment.name or ""
            call.append(fragment.arguments)
        except ValueError as error:
            raise incomplete(str(error)) from error

    def end(self, key: int) -> None:
        """The provider has closed the call under its index.

        Raises `MODEL_OUTPUT_INVALID`/tool_call_incomplete where that is not whole; an index that is
        not known is passed over.
        """
        call = self._latest(key)
        if call is None or call.state is CallState.ENDED:
            return
        try:
            call.close()
            self._end_closed()
        except ValueError as error:
            raise incomplete(str(error)) from error

    def take(self) -> list[WholeCall]:
        """Calls that became whole since the last time; indices never skip one that is open."""
        ready, self._ready = self._ready, []
        return ready

    def finish(self) -> list[WholeCall]:
        """The rest, at the end of the answer.

        Raises `MODEL_OUTPUT_INVALID`/tool_call_incomplete when one is not whole; then none is made.
        """
        try:
            rest = [call.whole() for call in self._calls[self._given :]]
        except ValueError as error:
            raise incomplete(str(error)) from error
        self._given = len(self._calls)
        return self.take() + rest

    def _end_closed(self) -> None:
        """Give out closed calls, up to the first that is not."""
        for call in self._calls[self._given :]:
            if call.state is not CallState.CLOSED:
                return
            self._ready.append(call.whole())
            self._given += 1

    def _open(self, fragment: Fragment) -> OpenCall:
        """A new call; its index counts first appearances, whatever the provider's says."""
        last_key = self._calls[-1].key if self._calls else -1
        key = last_key + 1 if fragment.key is None else fragment.key
        call = OpenCall(len(self._calls), key, fragment)
        self._calls.append(call)
        return call

    def _find(self, fragment: Fragment) -> OpenCall | None:
        """The call that a fragment goes on with, or `None` where it begins one."""
        if fragment.call_id:
            for call in reversed(self._calls):
                if call.call_id == fragment.call_id and fragment.key in {None, call.key}:
                    return call
        latest = self._latest(fragment.key)
        return latest if latest and _goes_on(latest, fragment) else None

    def _latest(self, key: int | None) -> OpenCall | None:
        """The newest call under the provider's index, or the newest of all without one."""
        same = (call for call in reversed(self._calls) if key is None or call.key == key)
        return next(same, None)


def _goes_on(call: OpenCall, fragment: Fragment) -> bool:
    """Whether a fragment of an unknown id, or of none, still belongs to a call.

    Some providers repeat the name, number every delta with a new id, or count every call as 0. A
    new call has a name; the same name on a call whose braces are open is a repetition.
    """
    if not fragment.name:
        return True
    if call.name != fragment.name:
        return not call.name
    if call.state is CallState.CLOSED or call.state is CallState.ENDED:
        return fragment.key is not None and not (fragment.call_id and call.call_id)
    return True


def incomplete(why: str) -> CodelabError:
    """The error of a call that cannot be made."""
    return CodelabError(
        Code.MODEL_OUTPUT_INVALID,
        "tool_call_incomplete",
        message=f"The model's tool call could not be used: {why}.",
    )
