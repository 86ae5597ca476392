"""What a pass is to do: from scratch, or nothing where all is known to be as it was. Pure.

Most passes find nothing to write: pods have become ready, or somebody looks again. Where no child
has changed since it was compared, nothing is rendered and nothing is compared.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from codelab_operator.carrying import Report
from codelab_operator.children import Agent, Child, Manifest, Offering, Outline, Wanted
from codelab_operator.memory import SECRETS_S, AgentMemory
from codelab_operator.observations import Observation
from codelab_operator.plan import Steps, is_running, newly_meant, plan
from codelab_operator.rendered import Rendered
from codelab_operator.rollout import Wave, first_unsettled_wave
from codelab_operator.rotation import Rotation


@dataclass(frozen=True, slots=True)
class Sight:
    """What a pass sees when it begins; `now` in seconds of the monotonic clock."""

    resource: Manifest
    observed: Observation
    offering: Offering
    now: float


@dataclass(slots=True)
class Pass:
    """One pass: what is wanted, what failed, when to look again."""

    agent: Agent
    sight: Sight
    children: Sequence[Wanted]
    wave: Wave
    report: Report
    rotation: Rotation | None = None
    again_in_s: float | None = None

    def look_again(self, span_s: float | None) -> None:
        """Look again after this time at the latest."""
        spans = [s for s in (span_s, self.again_in_s) if s is not None]
        self.again_in_s = min(spans, default=None)


@dataclass(slots=True)
class Planner:
    """Plans passes; what was rendered last is kept."""

    rendered: Rendered = field(default_factory=Rendered)

    def planned(self, agent: Agent, memory: AgentMemory, sight: Sight) -> Pass:
        """What to do now."""
        if is_quiet(memory, sight):
            return _pass(agent, memory, sight, memory.outline, Steps())
        children = self.rendered.children(agent, sight.offering)
        sight = replace(sight, observed=compared(children, agent, sight.observed))
        return _pass(agent, memory, sight, children, _steps(children, agent, memory, sight))


def is_quiet(memory: AgentMemory, sight: Sight) -> bool:
    """Nothing is wanted but what is there, and no Secret has to be looked at."""
    if not memory.outline or memory.owes_secrets or memory.offering != sight.offering:
        return False
    if not sight.observed.holds(memory.outline):
        return False
    is_recent = sight.now - memory.secrets_at < SECRETS_S
    return is_recent or is_running(memory.outline, sight.observed.children)


def compared(wanted: Sequence[Wanted], agent: Agent, observed: Observation) -> Observation:
    """The same, with what turns out to be as wanted among what is meant.

    Those of an outline were compared before.
    """
    children = [child for child in wanted if isinstance(child, Child)]
    found = newly_meant(children, observed.children, agent, observed.meant)
    return replace(observed, meant={**observed.meant, **{c.key: c.hash for c in found}})


def learned(this: Pass, memory: AgentMemory, after: Observation) -> None:
    """Remember what was wanted, where all of it is there as meant."""
    is_whole = after.holds(this.children)
    keys = {key: key for key in after.children}  # kept anyway: one text for each name
    outline = (Outline(keys.get(c.key, c.key), c.hash, c.component) for c in this.children)
    memory.outline = tuple(outline) if is_whole else ()
    memory.offering = this.sight.offering


def _pass(
    agent: Agent, memory: AgentMemory, sight: Sight, wanted: Sequence[Wanted], steps: Steps
) -> Pass:
    """A pass that takes those of the steps that may be taken now."""
    wave = first_unsettled_wave(steps, sight.observed.children, agent)
    return Pass(agent, sight, wanted, wave, Report(memory.standing()))


def _steps(children: Sequence[Child], agent: Agent, memory: AgentMemory, sight: Sight) -> Steps:
    """Everything between what is there and what should be, but what is left alone now."""
    observed = sight.observed
    steps = plan(children, observed.children, agent, observed.meant)
    steps = steps.without(memory.barred(sight.now))
    if memory.owes_secrets:
        steps = replace(steps, secrets=tuple(c for c in children if c.key.kind == "Secret"))
    elif sight.now - memory.secrets_at < SECRETS_S:
        steps = replace(steps, secrets=())
    if agent.spec.paused:
        steps = Steps(conflicts=steps.conflicts, leaving=steps.leaving)
    return steps
