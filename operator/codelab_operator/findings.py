"""What one pass over an agent found out, for its status. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from codelab_operator.children import Manifest, ObjectKey, Offering, Wanted
from codelab_operator.rollout import Wave
from codelab_operator.rotation import Rotation


@dataclass(frozen=True, slots=True)
class Failure:
    """A write that did not succeed."""

    key: ObjectKey
    reason: Literal["ChildConflict", "ChildRejected", "Forbidden", "Retrying"]
    """`Retrying`: 409 of a version, 429, 5xx or network; goes away by itself."""
    message: str
    """The API server's words."""


@dataclass(frozen=True, slots=True)
class Health:
    """`checks` of the last `/health` answers; None: none yet, or the service did not answer."""

    runtime: Mapping[str, str] | None = None
    """Holds `redis`: `ok`, `timeout` or `error: …`."""
    llmproxy: Mapping[str, str] | None = None
    """Holds `redis` and each provider by name."""


@dataclass(frozen=True, slots=True)
class Findings:
    """Everything but the agent itself that its status depends on."""

    desired: Sequence[Wanted]
    observed: Mapping[ObjectKey, Manifest]
    """Children after the writes of this pass: their answers laid over the indexes."""
    wave: Wave
    offering: Offering
    failures: Sequence[Failure] = ()
    health: Health = Health()
    rotation: Rotation | None = None
    """State of the tokens where the Secret was read in this pass; else the last status stands."""
    fights: frozenset[ObjectKey] = frozenset()
    """Children that are left alone for a while because somebody keeps undoing our writes."""
