"""What follows when a call of the provider has failed: another call, or the end. Pure.

Nothing shown: the next call is invisible. Text shown: it is taken back, the answer is given anew.
Whole tool calls shown: they stand, and the model asks again for what is missing.
"""

from enum import IntEnum
from typing import Final, Literal, NamedTuple

from codelab_core.errors import CodelabError

Rung = Literal["retry", "restart", "salvage", "none"]
PAUSE_S: Final = 0.5
"""Before a provider in trouble is asked again; the random part is the caller's."""
PATIENCE_MS: Final = 3_000
"""The longest wait that a provider may ask for; of a longer one the caller is told instead."""
MAX_RETRIES: Final = 1
MAX_RESTARTS: Final = 2
_TROUBLE: Final = frozenset({"overloaded", "server_error", "connect_failed", "reset"})
_BROKEN: Final = frozenset({"cut", "stalled", "malformed"})
_SPOILT: Final = frozenset({"tool_call_incomplete", "empty_answer"})
"""Faults of the model itself: what it says then is made anew once."""


class Shown(IntEnum):
    """What readers may have seen of an answer."""

    NOTHING = 0
    TEXT = 1
    CALLS = 2


class Next(NamedTuple):
    """What to do, and after how many seconds."""

    rung: Rung
    pause_s: float = 0.0


END: Final = Next("none")


class Plan:
    """The state of one inference; `first` is the failure that its caller is told of.

    Without `restarts` text that was shown is never taken back.
    """

    def __init__(self, *, restarts: bool = True) -> None:
        self.first: CodelabError | None = None
        self._left = {"retry": MAX_RETRIES, "restart": MAX_RESTARTS if restarts else 0}
        self._was_spoilt = False

    def after(self, error: CodelabError, shown: Shown) -> Next:
        """The next step after a failure."""
        self.first = self.first or error
        is_spoilt = error.reason in _SPOILT
        if not _is_hopeful(error) or (is_spoilt and self._was_spoilt):
            return END
        self._was_spoilt = self._was_spoilt or is_spoilt
        if shown is Shown.CALLS:
            return Next("salvage")
        return self._again("restart" if shown else "retry", error)

    def _again(self, rung: Rung, error: CodelabError) -> Next:
        """Another call, as long as there may be one."""
        if not self._left[rung]:
            return END
        self._left[rung] -= 1
        return Next(rung, _pause_s(error))


def _is_hopeful(error: CodelabError) -> bool:
    """Whether the same request may go well the next time; at a limit it would end there again."""
    if error.reason == "rate_limited":
        return error.retry_after_ms is not None and error.retry_after_ms <= PATIENCE_MS
    is_cut_off = error.details.get("finish_reason") == "length"
    return error.reason in _TROUBLE | _BROKEN | _SPOILT and not is_cut_off


def _pause_s(error: CodelabError) -> float:
    """What the provider asks for, else ours where it is in trouble."""
    if error.retry_after_ms is not None:
        return min(error.retry_after_ms, PATIENCE_MS) / 1000
    return PAUSE_S if error.reason in _TROUBLE else 0.0
