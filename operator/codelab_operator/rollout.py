"""Which steps may be taken now: a change of version goes component by component. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from codelab_operator.children import Agent, Manifest, ObjectKey
from codelab_operator.plan import Steps


@dataclass(frozen=True, slots=True)
class Wave:
    """Steps for this pass, and what keeps the others back."""

    steps: Steps
    held: tuple[str, ...] = ()
    """Components, in order, whose change of version waits."""
    waiting_for: str = ""
    """The component that has to settle first; empty when nothing is held."""


def first_unsettled_wave(
    steps: Steps, observed: Mapping[ObjectKey, Manifest], agent: Agent
) -> Wave:
    """The steps that may go now, in parallel as `Steps` orders them.

    Everything, but a Deployment or StatefulSet that exists with another version waits until those
    before it in `ROLL_ORDER` run the wanted version and are available. Objects that only an old
    pod may still read are pruned when the LLM proxy has settled.
    """
    raise NotImplementedError
