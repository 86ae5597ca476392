"""What goes wrong on purpose: which calls, from which number on, and how."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Final, Literal

Hook = Callable[[], Awaitable[None]]

WRITES: Final = frozenset({"create", "apply", "patch", "update", "delete"})
ASIDE: Final = frozenset({"Lease", "Event"})
"""Kinds that the verb `write`, which stands for every change, leaves out."""


@dataclass(slots=True)
class Fault:
    """Meets calls of `verb` on `kind` (empty: any), after `skip` of them, `times` times.

    `status` answers instead of the server; `reset` cuts the connection before or after the change
    is kept; `before` and `after` are awaited around it.
    """

    verb: str = ""
    kind: str = ""
    name: str = ""
    skip: int = 0
    times: int = 1
    status: int = 0
    reason: str = ""
    retry_after_s: int | None = None
    latency_s: float = 0.0
    reset: Literal["", "before", "after"] = ""
    before: Hook | None = None
    after: Hook | None = None

    def meets(self, verb: str, kind: str, name: str) -> bool:
        """Whether a call is of the wanted sort."""
        if self.verb == "write":
            return verb in WRITES and kind not in ASIDE and self.name in {"", name}
        wanted = ((self.verb, verb), (self.kind, kind), (self.name, name))
        return all(want in {"", there} for want, there in wanted)


@dataclass(slots=True)
class Faults:
    """The faults in force, the oldest first."""

    listed: list[Fault] = field(default_factory=list)

    def add(self, fault: Fault) -> Fault:
        """Put a fault into force."""
        self.listed.append(fault)
        return fault

    def clear(self) -> None:
        """From now on everything works."""
        self.listed.clear()

    def take(self, verb: str, kind: str, name: str) -> Fault:
        """The fault that a call meets; one without effect where none is in force."""
        for fault in self.listed:
            if not fault.meets(verb, kind, name) or fault.times == 0:
                continue
            if fault.skip > 0:
                fault.skip -= 1
                continue
            fault.times -= 1
            return fault
        return Fault()
