"""What a tool is to the toolbox: arguments, what it touches, how it runs."""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from codelab_client.guard import Guard
from codelab_client.journal import CallKey
from codelab_client.path_locks import Claim
from codelab_core.protocol.events import ToolCall
from codelab_core.tools import Arguments, ToolKind

Result = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Job[A: Arguments]:
    """A call whose arguments and guard have been read."""

    call: ToolCall
    arguments: A
    guard: Guard | None

    @property
    def key(self) -> CallKey:
        """Under which the journal knows it."""
        return CallKey(self.call.call_id, self.call.digest)


@dataclass(frozen=True, slots=True)
class Tool[A: Arguments]:
    """One tool. `run` raises `ToolError`, or `OSError` when this machine fails.

    `timeout_ms` holds where the call names none; `None` is for tools that end what they began.
    Answers of `write` and `prompt` are kept on disk, because running those twice is not the same as
    running them once.
    """

    name: str
    kind: ToolKind
    arguments: type[A]
    timeout_ms: int | None
    claim: Callable[[Job[A]], Claim]
    run: Callable[[Job[A]], Coroutine[Any, Any, Result]]
