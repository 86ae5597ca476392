"""One pass over one agent: read, plan, write, report. Every decision is made elsewhere."""

from collections.abc import Callable
from typing import Final, Protocol

from codelab_core.clock import Clock, rfc3339
from codelab_operator.api_errors import ApiError, FencedError
from codelab_operator.api_group import GROUP_VERSION, KIND
from codelab_operator.asking import Asking, asking, remembered
from codelab_operator.carrying import LeavingError, Work, carry_out
from codelab_operator.children import Manifest, Offering
from codelab_operator.cluster import Cluster
from codelab_operator.conditions import conditions, refused
from codelab_operator.events import Note
from codelab_operator.findings import Findings, Health
from codelab_operator.keeping import Keeper
from codelab_operator.memory import QUIET_TRIES, SECRETS_S, AgentMemory
from codelab_operator.metrics import Metrics
from codelab_operator.observations import AgentKey, Observation
from codelab_operator.parsing import RefusedSpecError
from codelab_operator.plan import Steps
from codelab_operator.planning import Pass, Planner, Sight, compared, learned
from codelab_operator.readiness import overdue_in_s
from codelab_operator.rotation import is_rotation_due
from codelab_operator.transitions import is_ready, notes, readiness
from codelab_operator.workqueue import Outcome

STATUS_S: Final = 1.0


class Surroundings(Protocol):
    """What a pass needs beside the cluster."""

    def offering(self) -> Offering:
        """Optional kinds, and switches."""

    def rediscover(self) -> None:
        """A kind is not served any more, or may be by now."""

    def health(self, key: AgentKey) -> Health | None:
        """The last facts from the services; None: they were never asked."""

    def ask(self, key: AgentKey, what: Asking) -> None:
        """What the services have to be asked from now on."""

    def forgotten(self, key: AgentKey) -> None:
        """The agent is gone."""

    def tell(self, resource: Manifest, note: Note) -> None:
        """Post an event."""


class Reconciler:
    """Call it with a key as often as wanted: it makes what is there what should be."""

    def __init__(
        self,
        cluster: Cluster,
        around: Surroundings,
        clock: Clock,
        new_token: Callable[[], str],
        metrics: Metrics,
    ) -> None:
        self._cluster = cluster
        self._around = around
        self._clock = clock
        self._metrics = metrics
        self._keeper = Keeper(cluster, new_token, lambda: clock.wall_ms() // 1000)
        self._memories: dict[AgentKey, AgentMemory] = {}
        self._planner = Planner()

    async def __call__(self, key: AgentKey) -> Outcome:
        """One pass; what goes wrong around it makes another one."""
        observed = self._cluster.observe(key)
        try:
            return await self._begin(key, observed)
        except LeavingError:
            return Outcome()
        except FencedError:
            return Outcome(is_failure=True)
        except ApiError as error:  # of the status: children have reports of their own
            return Outcome(is_failure=True, at_least_s=error.retry_after_s or 0.0)

    def census(self) -> dict[str, int]:
        """How many agents are ready, and how many are not."""
        ready = sum(memory.is_ready for memory in self._memories.values())
        return {"true": ready, "false": len(self._memories) - ready}

    async def _begin(self, key: AgentKey, observed: Observation) -> Outcome:
        """An agent that goes is left alone: its children go with it."""
        resource = observed.resource
        if resource is None or resource["metadata"].get("deletionTimestamp"):
            self._memories.pop(key, None)
            self._around.forgotten(key)
            return Outcome()
        memory = self._memories.setdefault(key, AgentMemory())
        return await self._pass(key, memory, resource, observed)

    async def _pass(
        self, key: AgentKey, memory: AgentMemory, resource: Manifest, observed: Observation
    ) -> Outcome:
        """Parse, write children, write the status."""
        try:
            agent = self._planner.rendered.agent(resource)
        except RefusedSpecError as error:
            await self._save(memory, resource, refused(resource, error, self._now()))
            return Outcome()
        now = self._clock.monotonic()
        is_new = memory.turn_to(agent.uid, agent.generation, now)
        if is_new and self._around.offering().lacks(agent):
            self._around.rediscover()
        sight = Sight(resource, observed, self._around.offering(), now)
        this = self._planner.planned(agent, memory, sight)
        await self._write(this, memory, is_new=not observed.children)
        if this.report.is_kind_missing:
            self._around.rediscover()
        failing = any(failure.reason == "Retrying" for failure in this.report.failures)
        memory.tries = memory.tries + 1 if failing else 0
        if not failing or memory.tries > QUIET_TRIES:
            await self._say(key, memory, this)
        if failing:
            return Outcome(is_failure=True, at_least_s=this.report.retry_after_s)
        return Outcome(again_in_s=this.again_in_s)

    async def _write(self, this: Pass, memory: AgentMemory, *, is_new: bool) -> None:
        """Secrets first: pods mount them. Then everything else."""
        now, steps = self._clock.monotonic(), this.wave.steps
        if steps.secrets:
            await self._keeper.ensure(this.agent, steps.secrets, this.report, is_new=is_new)
            memory.owes_secrets = bool(this.report.failures)
            memory.secrets_at = now
            this.look_again(SECRETS_S)
        born = str(this.sight.resource["metadata"]["creationTimestamp"])
        work = Work(this.agent, born, steps, memory.suspects)
        await carry_out(self._cluster, work, this.report)
        fights = memory.drift.fights(now)
        memory.repaired(steps, now)
        self._count_repairs(steps, len(memory.drift.fights(now) - fights))
        if not this.agent.spec.paused and self._is_rotating(this):
            step = await self._keeper.rotated(this.agent, this.report)
            if step is not None:
                this.rotation = step.state
                this.look_again(step.wait_s)
        this.look_again(memory.learned(this.report.failures, now))

    def _is_rotating(self, this: Pass) -> bool:
        """Whether the token between the services is being replaced."""
        return is_rotation_due(this.agent, this.sight.resource.get("status") or {})

    async def _say(self, key: AgentKey, memory: AgentMemory, this: Pass) -> None:
        """Write the status if it says anything new."""
        after = this.sight.observed
        if not this.wave.steps.is_empty:
            after = compared(this.children, this.agent, self._cluster.observe(key))
        self._cluster.confirm(after)
        learned(this, memory, after)
        before, now = this.sight.resource.get("status") or {}, self._now()
        found = Findings(
            this.children,
            after.children,
            this.wave,
            self._around.offering(),
            this.report.failures,
            self._around.health(key) or remembered(before),
            this.rotation,
            memory.drift.fights(self._clock.monotonic()),
        )
        status = conditions(this.agent, found, before, now)
        this.look_again(overdue_in_s(this.agent, status, now))
        ready = is_ready(status)
        self._around.ask(key, asking(this.agent, status))
        wait_s = memory.status_at + STATUS_S - self._clock.monotonic()
        if status != before and wait_s > 0 and readiness(status) == readiness(before):
            this.look_again(wait_s)
            return
        await self._save(memory, this.sight.resource, status)
        if ready and not memory.is_ready and this.agent.generation == memory.generation:
            self._metrics.ready_seconds.observe(self._clock.monotonic() - memory.seen_at)
        memory.is_ready = ready

    async def _save(self, memory: AgentMemory, resource: Manifest, status: Manifest) -> None:
        """One apply of the whole status, for the version of the resource that was read."""
        before = resource.get("status") or {}
        if status == before:
            return
        names = ("name", "namespace", "resourceVersion")
        metadata = {name: resource["metadata"][name] for name in names}
        kind = {"apiVersion": GROUP_VERSION, "kind": KIND}
        whole = {**kind, "metadata": metadata, "status": status}
        await self._cluster.apply(whole, force=True, subresource="status")
        memory.status_at = self._clock.monotonic()
        for note in notes(before, status):
            self._around.tell(resource, note)

    def _count_repairs(self, steps: Steps, new_fights: int) -> None:
        """Counters of drift."""
        for step in steps.apply:
            if step.reason == "drifted":
                self._metrics.drift_repairs.labels(step.child.key.kind).inc()
        if new_fights:
            self._metrics.drift_fights.inc(new_fights)

    def _now(self) -> str:
        """The time of people's clocks in whole seconds."""
        return rfc3339(self._clock.wall_ms())[:19] + "Z"
