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
        wanted: Sequence[Wanted] = memory.outline
        steps = Steps()
        if not is_quiet(memory, sight):
            children = self.rendered.children(agent, sight.offering)
            wanted, steps = children, _steps(children, agent, memory, sight)
        wave = first_unsettled_wave(steps, sight.observed.children, agent)
        return Pass(agent, sight, wanted, wave, Report(memory.standing()))


def is_quiet(memory: AgentMemory, sight: Sight) -> bool:
    """Nothing is wanted but what is there, and no Secret has to be looked at."""
    if not memory.outline or memory.owes_secrets or memory.offering != sight.offering:
        return False
    if not sight.observed.holds(memory.outline):
        return False
    is_recent = sight.now - memory.secrets_at < SECRETS_S
    return is_recent or is_running(memory.outline, sight.observed.children)


def learned(this: Pass, memory: AgentMemory, after: Observation) -> list[tuple[Child, int]]:
    """Children that turned out to be as meant after a pass, with the version that is.

    Remembers the outline where all are. Those of an outline are known already.
    """
    children = [child for child in this.children if isinstance(child, Child)]
    found = [
        (child, int(live["metadata"]["resourceVersion"]))
        for child, live in newly_meant(children, after.children, this.agent, after.meant)
    ]
    if children:
        known = {*after.meant, *(child.key for child, _ in found)}
        names = {key: key for key in after.children}
        visible = [child for child in children if child.key.kind != "Secret"]
        is_whole = all(child.key in known for child in visible)
        outline = (Outline(names.get(c.key, c.key), c.hash, c.component) for c in children)
        memory.outline = tuple(outline) if is_whole else ()
        memory.offering = this.sight.offering
    return found


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
