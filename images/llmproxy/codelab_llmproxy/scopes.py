"""Where the next call may go, by the class of the failure before it. Pure."""

from collections.abc import Mapping
from enum import Enum
from typing import Final

NO_TARGET: Final = "no_target"


class Scope(Enum):
    """Where the next call after a failure may go."""

    SAME_FIRST = 0
    OTHER_FIRST = 1
    OTHER_ONLY = 2
    KEY = 3
    """Another key, then another provider."""
    LIMITED = 4
    """Another key, then the same one after its wait, then another target."""
    LARGER = 5
    ANEW = 6
    """A fault of the model itself: what it says is made anew once."""
    NONE = 7


SCOPES: Final[Mapping[str | None, Scope]] = {
    "overloaded": Scope.SAME_FIRST,
    "server_error": Scope.SAME_FIRST,
    "connect_failed": Scope.SAME_FIRST,
    "reset": Scope.SAME_FIRST,
    "cut": Scope.OTHER_FIRST,
    "stalled": Scope.OTHER_FIRST,
    "malformed": Scope.OTHER_FIRST,
    "silent": Scope.OTHER_ONLY,
    "slow_first_content": Scope.OTHER_ONLY,
    NO_TARGET: Scope.OTHER_ONLY,
    "key_invalid": Scope.KEY,
    "key_exhausted": Scope.KEY,
    "key_missing": Scope.KEY,
    "rate_limited": Scope.LIMITED,
    "context_length": Scope.LARGER,
    "tool_call_incomplete": Scope.ANEW,
    "empty_answer": Scope.ANEW,
}
STAYS: Final = frozenset({Scope.SAME_FIRST, Scope.ANEW, Scope.LIMITED, Scope.KEY})
"""Where the same target is the first choice, as long as nothing was shown."""
