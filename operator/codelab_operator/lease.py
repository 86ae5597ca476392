"""Who leads, from what is seen of one Lease and when. Pure: all times are of a monotonic clock.

Wall clocks of machines differ and jump: another holder's Lease counts as expired when this process
has not seen it change for its whole duration, whatever times it carries.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from codelab_operator.children import Manifest
from codelab_operator.kinds import LEASE


@dataclass(frozen=True, slots=True)
class Term:
    """What a Lease says."""

    holder: str = ""
    transitions: int = 0
    mark: tuple[str, str] = ("", "")
    """Holder and time of its last renewal, as text: only compared."""
    version: str = ""

    @classmethod
    def read(cls, lease: Manifest) -> "Term":
        """The term of a Lease object."""
        spec: Mapping[str, Any] = lease.get("spec") or {}
        holder = str(spec.get("holderIdentity") or "")
        mark = (holder, str(spec.get("renewTime") or ""))
        version = str(lease["metadata"]["resourceVersion"])
        return cls(holder, int(spec.get("leaseTransitions") or 0), mark, version)


@dataclass(frozen=True, slots=True)
class Candidate:
    """One process that wants to lead."""

    identity: str
    duration_s: float
    deadline_s: float
    """Shorter than the duration by more than a write may take."""
    seen: Term | None = None
    seen_at: float = 0.0
    """When the Lease last looked different from before."""
    renewed_at: float | None = None
    """Start of the last renewal that succeeded; None: this process never led."""

    def saw(self, term: Term, now: float) -> "Candidate":
        """After a look at the Lease."""
        is_new = self.seen is None or self.seen.mark != term.mark
        return replace(self, seen=term, seen_at=now if is_new else self.seen_at)

    def renewed(self, term: Term, started: float) -> "Candidate":
        """After a write of ours that began at `started` was answered."""
        return replace(self, seen=term, seen_at=started, renewed_at=started)

    def may_take(self, now: float) -> bool:
        """Whether the Lease is nobody's, ours already, or expired."""
        if self.seen is None:
            return False
        is_free = self.seen.holder in {"", self.identity}
        return is_free or now - self.seen_at >= self.duration_s

    def may_write(self, now: float) -> bool:
        """Whether a write may start now: it will have landed before anybody else can lead."""
        return self.renewed_at is not None and now < self.renewed_at + self.deadline_s

    def left_s(self, now: float) -> float:
        """Seconds until a process that led is no more sure that it does; inf: it never led."""
        return float("inf") if self.renewed_at is None else self.renewed_at + self.deadline_s - now

    def is_lost(self, now: float) -> bool:
        """Whether a process that led can no more be sure that it does."""
        return self.renewed_at is not None and not self.may_write(now)


def lease(place: tuple[str, str], term: Term, holder: str, span_s: int, now: str) -> Manifest:
    """The Lease of (namespace, name) held by `holder`; `now` is RFC 3339 with microseconds.

    An empty holder releases it. A new holder counts as a transition.
    """
    is_change = bool(holder) and holder != term.holder
    metadata = {"namespace": place[0], "name": place[1]}
    if term.version:
        metadata["resourceVersion"] = term.version
    spec = {
        "holderIdentity": holder,
        "leaseDurationSeconds": span_s if holder else 1,
        "renewTime": now,
        "acquireTime": now,
        "leaseTransitions": term.transitions + is_change,
    }
    return {
        "apiVersion": LEASE.api_version,
        "kind": LEASE.name,
        "metadata": metadata,
        "spec": spec,
    }
