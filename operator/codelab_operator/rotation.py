"""Replacing the token between the services without a request that is refused. Pure.

Adding `[old, new]`, Promoted `[new, old]`, Stable `[new]`, with a pause in between that is longer
than a kubelet needs to bring a Secret into all pods. The state is an annotation of the Secret.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final, Literal

from codelab_operator.api_group import ROTATION_ANNOTATION
from codelab_operator.children import Agent

PAUSE_S: Final = 150
"""Kubelet at most 90 s, poll of the pods 2 s, and a margin."""

Phase = Literal["Stable", "Adding", "Promoted"]
PHASES: Final[tuple[Phase, ...]] = ("Stable", "Adding", "Promoted")


@dataclass(frozen=True, slots=True)
class Rotation:
    """Where the tokens of one Secret stand."""

    rotation: str = ""
    """`spec.internalAuth.rotation` that the newest token was made for."""
    phase: Phase = "Stable"
    since: int = 0
    """Unix time in seconds at which the phase began."""

    def render(self) -> str:
        """The annotation's text."""
        return json.dumps(asdict(self), sort_keys=True, separators=(",", ":"))


@dataclass(frozen=True, slots=True)
class RotationStep:
    """What to do about the tokens now."""

    state: Rotation
    """State after the write; the present one when nothing is to be written."""
    tokens: tuple[str, ...] | None = None
    """Lines of `tokens` to write together with the annotation; None: write nothing."""
    wait_s: int | None = None
    """Look again after this many seconds; None: nothing is under way."""


def first_rotation(agent: Agent, now: int) -> dict[str, str]:
    """The annotation of a Secret that is about to be made: its token is the one wanted."""
    return {ROTATION_ANNOTATION: Rotation(agent.spec.internal_auth.rotation, since=now).render()}


def read_rotation(annotations: Mapping[str, str]) -> Rotation:
    """State from the annotations of the Secret; without or with a damaged one, Stable for ""."""
    try:
        read = json.loads(annotations.get(ROTATION_ANNOTATION, "{}"))
    except ValueError:
        return Rotation()
    match read:
        case {"rotation": str(rotation), "phase": str(phase), "since": int(since)}:
            known = [one for one in PHASES if one == phase]
            return Rotation(rotation, known[0], since) if known else Rotation()
        case _:
            return Rotation()


def is_rotation_due(agent: Agent, status: Mapping[str, Any]) -> bool:
    """Whether the Secret has to be read: by the agent's last status a rotation is wanted or on.

    False while `internalAuth.secretName` names a Secret of somebody else.
    """
    auth = agent.spec.internal_auth
    if auth.secret_name is not None:
        return False
    last = status.get("internalAuth") or {}
    is_known = last.get("rotation", "") == auth.rotation
    return not is_known or last.get("phase", "Stable") != "Stable"


def rotate(
    present: Rotation, tokens: Sequence[str], wanted: str, fresh: str, now: int
) -> RotationStep:
    """The next step; `fresh` is a new random token, `now` Unix time in seconds.

    A text that changes while a rotation is on starts another one afterwards. A clock that stepped
    back restarts the pause rather than cutting it short. A line that somebody took out while it was
    being added is added anew before it is promoted.
    """
    if present.phase == "Stable" and present.rotation == wanted:
        return RotationStep(present)
    if present.phase == "Stable":
        return _with(Rotation(wanted, "Adding", now), [*tokens[:1], fresh])
    return _next(present, [*tokens] or [fresh], wanted, fresh, now)


def _next(
    present: Rotation, tokens: Sequence[str], wanted: str, fresh: str, now: int
) -> RotationStep:
    """The step after Adding or Promoted."""
    waited = now - present.since
    lines = [*tokens, fresh] if present.phase == "Adding" and len(tokens) == 1 else [*tokens]
    if waited < 0 or len(lines) > len(tokens):
        return _with(replace(present, since=now), lines)
    if waited < PAUSE_S:
        return RotationStep(present, wait_s=PAUSE_S - waited)
    if present.phase == "Adding":
        return _with(replace(present, phase="Promoted", since=now), [tokens[1], tokens[0]])
    more = 0 if present.rotation != wanted else None
    return RotationStep(replace(present, phase="Stable", since=now), (tokens[0],), more)


def _with(state: Rotation, tokens: Sequence[str]) -> RotationStep:
    """Write lines, then wait until every pod has them."""
    return RotationStep(state, tuple(tokens), PAUSE_S)
