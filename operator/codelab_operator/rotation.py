"""Replacing the token between the services without a request that is refused. Pure.

Adding `[old, new]`, Promoted `[new, old]`, Stable `[new]`, with a pause in between that is longer
than a kubelet needs to bring a Secret into all pods. The state is an annotation of the Secret.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from codelab_operator.children import Agent

PAUSE_S: Final = 150
"""Kubelet at most 90 s, poll of the pods 2 s, and a margin."""


@dataclass(frozen=True, slots=True)
class Rotation:
    """Where the tokens of one Secret stand."""

    rotation: str = ""
    """`spec.internalAuth.rotation` that the newest token was made for."""
    phase: Literal["Stable", "Adding", "Promoted"] = "Stable"
    since: int = 0
    """Unix time in seconds at which the phase began."""

    def render(self) -> str:
        """The annotation's text."""
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class RotationStep:
    """What to do about the tokens now."""

    state: Rotation
    """State after the write; the present one when nothing is to be written."""
    tokens: tuple[str, ...] | None = None
    """Lines of `tokens` to write together with the annotation; None: write nothing."""
    wait_s: int | None = None
    """Look again after this many seconds; None: nothing is under way."""


def read_rotation(annotations: Mapping[str, str]) -> Rotation:
    """State from the annotations of the Secret; without or with a damaged one, Stable for ""."""
    raise NotImplementedError


def is_rotation_due(agent: Agent, status: Mapping[str, Any]) -> bool:
    """Whether the Secret has to be read: by the agent's last status a rotation is wanted or on.

    False while `internalAuth.secretName` names a Secret of somebody else.
    """
    raise NotImplementedError


def rotate(
    present: Rotation, tokens: Sequence[str], wanted: str, fresh: str, now: int
) -> RotationStep:
    """The next step; `fresh` is a new random token, `now` Unix time in seconds.

    A text that changes while a rotation is on starts another one afterwards. A clock that stepped
    back restarts the pause rather than cutting it short.
    """
    raise NotImplementedError
