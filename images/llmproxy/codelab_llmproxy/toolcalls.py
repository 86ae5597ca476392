"""Tool calls that arrive in pieces: a call is made only when it is whole. Pure.

Life of a call: open, args, closed (the braces are balanced), ended (the provider went on). Anything
that is not a complete JSON object at its end is a failure, never a call with other arguments.
"""

import re
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

import orjson

from codelab_core.error_codes import Code
from codelab_core.errors import CodelabError
from codelab_core.protocol.inference import WholeCall

MAX_DEPTH: Final = 64
MAX_ARGUMENT_CHARS: Final = 8 * 1024 * 1024
_PLAIN: Final = re.compile(r'[^"{}\[\]]*+')
_IN_STRING: Final = re.compile(r'[^"\\]*+(?:\\.[^"\\]*+)*+', re.DOTALL)
_JSON_SPACE: Final = " \t\r\n"


def _over(pattern: re.Pattern[str], text: str, at: int) -> int:
    """Where a pattern that matches any text stops."""
    found = pattern.match(text, at)
    return found.end() if found else at


class CallState(Enum):
    """How far a call has come."""

    OPEN = "open"
    ARGS = "args"
    CLOSED = "closed"
    ENDED = "ended"


class ObjectScan:
    """Tells when JSON text that comes in pieces has closed its outermost object.

    Looks at quotes, brackets and escapes only; whether the text is valid JSON is for a parser.
    """

    __slots__ = ("_depth", "_escaped", "_in_string", "closed")

    def __init__(self) -> None:
        self._depth = 0
        self._in_string = False
        self._escaped = False
        self.closed = False

    def feed(self, text: str) -> None:
        """Go on through the next piece.

        Raises `ValueError` for text after the end, text that is no object, and 65 levels.
        """
        at, end = 0, len(text)
        if self._escaped and end:
            at, self._escaped = 1, False
        while at < end:
            at = self._string(text, at) if self._in_string else self._structure(text, at)

    def _string(self, text: str, at: int) -> int:
        """Go on to the end of the string, or of the piece."""
        at = _over(_IN_STRING, text, at)
        if at < len(text):
            self._escaped = text[at] == "\\"
            self._in_string = self._escaped
        return at + 1

    def _structure(self, text: str, at: int) -> int:
        """Go on to the next quote or bracket, and over it."""
        found = _over(_PLAIN, text, at)
        if not self._depth and text[at:found].strip(_JSON_SPACE):
            raise ValueError("text outside of the object")
        if found < len(text):
            self._enter(text[found])
        return found + 1

    def _enter(self, sign: str) -> None:
        """Take one quote or bracket."""
        if not self._depth and (self.closed or sign != "{"):
            raise ValueError("text outside of the object")
        match sign:
            case '"':
                self._in_string = True
            case "{" | "[":
                self._depth += 1
            case _:
                self._depth -= 1
                self.closed = not self._depth
        if self._depth > MAX_DEPTH:
            raise ValueError("nested too deeply")


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

    def whole(self) -> WholeCall:
        """The finished call; no text at all means no arguments. Raises `ValueError` otherwise."""
        text = "".join(self._texts)
        is_blank = not text.strip(_JSON_SPACE)
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
