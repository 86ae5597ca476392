"""Which steps may be taken now: a change of version goes component by component. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from codelab_operator.api_group import ROLL_ORDER, VERSION_ANNOTATION
from codelab_operator.children import Agent, Manifest, ObjectKey
from codelab_operator.plan import Steps
from codelab_operator.workloads import WORKLOADS, hash_of, is_settled


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
    before it in `ROLL_ORDER` run the wanted intent and are available. What is missing is made at
    once, as is a change of a component that runs the wanted version already.
    """
    due = {step.child.component: step.child.key for step in steps.apply if _runs(step.child.key)}
    live = {key.name: manifest for key, manifest in observed.items() if _runs(key)}
    waiting_for, held = "", []
    for name in ROLL_ORDER:
        present = live.get(agent.child_name(name))
        if waiting_for and name in due and _is_of_another_version(present, agent):
            held.append(name)
        elif not waiting_for and (name in due or not _is_at_rest(present)):
            waiting_for = name
    if not held:
        return Wave(steps)
    return Wave(steps.without(due[name] for name in held), tuple(held), waiting_for)


def _runs(key: ObjectKey) -> bool:
    return key.kind in WORKLOADS


def _is_at_rest(live: Manifest | None) -> bool:
    """Nothing to wait for: pods of the last intent are available, or the component has none."""
    return live is None or is_settled(live, hash_of(live))


def _is_of_another_version(live: Manifest | None, agent: Agent) -> bool:
    """The workload was last applied for another `spec.version`."""
    if live is None:
        return False
    annotations = live["metadata"].get("annotations") or {}
    return bool(annotations.get(VERSION_ANNOTATION) != agent.spec.version)
