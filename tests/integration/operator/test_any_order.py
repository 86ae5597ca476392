"""Whatever happens in whatever order, agents end up as they should be, and then nothing is written.

The operator's decisions, indexes and queue are the real ones; streams, time and crashes are in the
hands of hypothesis.
"""

import asyncio
import json
from collections.abc import Coroutine
from functools import lru_cache
from http import HTTPStatus
from typing import Any

from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule

from codelab_operator.api_group import KIND, ROTATION_ANNOTATION
from codelab_operator.kinds import AGENT, CHILDREN
from fakes.clock import HandClock
from fakes.cluster import writes
from fakes.cluster.answers import RefusedError
from fakes.cluster.faults import Fault
from fakes.cluster.server import FakeCluster
from fakes.cluster.store import Change, Collection
from fakes.cluster.writes import Write
from harness.driven import RESYNC_S, CrashError, Driven, crash, turns
from harness.operators import comparable

Json = dict[str, Any]

LOCAL = {
    "name": "local",
    "kind": "ollama",
    "baseUrl": "http://o:1",
    "allowPrivate": True,
    "models": [{"id": "m"}],
}
SPEC_EDITS: tuple[Json, ...] = (
    {"gateway": {"replicas": 2, "autoscaling": None}},
    {"gateway": {"replicas": None}},
    {"gateway": {"replicas": None, "autoscaling": {"minReplicas": 2, "maxReplicas": 4}}},
    {"gateway": {"autoscaling": None}},
    {"gateway": {"replicas": "many", "autoscaling": None}},
    {"runtime": {"drainSeconds": 60}},
    {"llmproxy": {"providers": [LOCAL]}},
    {"llmproxy": {"providers": None}},
    {"networkPolicy": {"enabled": False}},
    {"networkPolicy": {"enabled": True}},
    {"exposure": {"ingress": {"host": "a.example.com"}}},
    {"exposure": {"ingress": None}},
    {"monitoring": {"serviceMonitor": "Disabled"}},
    {"internalAuth": {"rotation": "2"}},
    {"paused": True},
    {"paused": False},
)
SANE: Json = {"paused": False, "gateway": {"replicas": None, "autoscaling": None}}
"""What ends a pause and mends what is not valid."""
CHILD_EDITS: tuple[tuple[str, str, Json], ...] = (
    ("Service", "gateway", {"spec": {"sessionAffinity": "ClientIP"}}),
    ("Service", "llmproxy", {"spec": {"selector": {"app.kubernetes.io/component": "x"}}}),
    ("Service", "runtime", {"metadata": {"labels": {"app.kubernetes.io/managed-by": "me"}}}),
    ("Deployment", "gateway", {"metadata": {"labels": {"codelab.dev/agent": "other"}}}),
    ("Deployment", "runtime", {"spec": {"progressDeadlineSeconds": 77}}),
    ("StatefulSet", "redis", {"spec": {"serviceName": "x"}}),
    ("NetworkPolicy", "redis", {"spec": {"policyTypes": ["Egress"]}}),
    ("ServiceMonitor", "gateway", {"spec": {"endpoints": []}}),
)
TROUBLE = (409, 429, 500, 503, "before", "after")
"""Answers, and connections that end before or after a write is kept."""

KINDS = {kind.name: kind for kind in (AGENT, *CHILDREN)}

names = st.sampled_from(["a", "b"])
kinds = st.sampled_from([*KINDS])


@lru_cache(maxsize=512)
def undisturbed(name: str, spec: str) -> Json:
    """Children of an agent that was made without any trouble."""

    async def made() -> Json:
        cluster = FakeCluster()
        operator = Driven(cluster, HandClock())
        body = {"metadata": {"name": name}, "spec": json.loads(spec)}
        agents = cluster.store.of(KIND)
        writes.create(cluster.store, agents, Write("ns", name, "kubectl"), body)
        await operator.settle()
        return children(cluster, name)

    return asyncio.run(made())


def children(cluster: FakeCluster, agent: str) -> Json:
    """What belongs to an agent, without what differs between runs; nobody says how many pods."""
    found = {}
    for collection in cluster.store.collections.values():
        for stored in collection.objects.values():
            owners = stored.manifest["metadata"].get("ownerReferences", [])
            if any(owner["name"] == agent for owner in owners):
                body = comparable(stored.manifest)
                spec = {k: v for k, v in body.get("spec", {}).items() if k != "replicas"}
                body["metadata"]["annotations"].pop(ROTATION_ANNOTATION, None)  # it holds a time
                found[f"{collection.resource.kind}/{stored.name}"] = body | {"spec": spec}
    return found


class AnyOrder(RuleBasedStateMachine):
    """Two agents, one operator at a time, and everything that may happen to them."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.cluster, self.clock = FakeCluster(), HandClock()
        self.cluster.store.listeners.append(self.judge)
        self.operator = Driven(self.cluster, self.clock)
        self.wrong: list[str] = []

    def run(self, work: Coroutine[Any, Any, Any]) -> None:
        """Do something on the loop of the cluster."""
        self.runner.run(work)

    def judge(self, collection: Collection, change: Change) -> None:
        """No status says Ready for another generation than the one that it was written for."""
        if collection.resource.kind != KIND or change.after is None or change.before is None:
            return
        now, before = change.after.manifest, change.before.manifest
        is_ready = any(c["type"] == "Ready" and c["status"] == "True" for c in conditions(now))
        if is_ready and now["status"] != before["status"]:
            generation = now["metadata"]["generation"]
            if now["status"].get("observedGeneration") != generation:
                self.wrong.append(f"Ready for generation {generation} too early")

    @initialize()
    def begin(self) -> None:
        """One agent is there."""
        self.make("a")

    @rule(name=names)
    def make(self, name: str) -> None:
        """A person makes an agent."""

        async def made() -> None:
            body = {"metadata": {"name": name}, "spec": {}}
            agents = self.cluster.store.of(KIND)
            if ("ns", name) not in agents.objects:
                writes.create(self.cluster.store, agents, Write("ns", name, "kubectl"), body)

        self.run(made())

    @rule(name=names)
    def remove(self, name: str) -> None:
        """A person deletes an agent."""
        self.run(self._delete(KIND, name))

    @rule(name=names, change=st.sampled_from(SPEC_EDITS))
    def edit(self, name: str, change: Json) -> None:
        """A person changes the specification of an agent."""
        self.run(self._edit(KIND, name, {"spec": change}))

    @rule(name=names, edit=st.sampled_from(CHILD_EDITS))
    def meddle(self, name: str, edit: tuple[str, str, Json]) -> None:
        """Somebody changes a child."""
        kind, suffix, change = edit
        self.run(self._edit(kind, f"{name}-{suffix}", change))

    @rule(kind=kinds, which=st.integers(0, 5))
    def delete(self, kind: str, which: int) -> None:
        """Somebody deletes a child."""
        found = sorted(self.cluster.store.of(kind).objects)
        if kind != KIND and found:
            self.run(self._delete(kind, found[which % len(found)][1]))

    @rule(kind=kinds, most=st.integers(1, 4))
    def stream(self, kind: str, most: int) -> None:
        """One stream delivers some of what it has."""

        async def delivered() -> None:
            self.operator.deliver(KINDS[kind], most)

        self.run(delivered())

    @rule(kind=kinds)
    def expire(self, kind: str) -> None:
        """The history of a kind is forgotten: its stream gets 410 and lists anew."""
        self.cluster.store.compact(self.cluster.store.of(kind))

    @rule(kind=kinds, count=st.integers(1, 3))
    def repeat(self, kind: str, count: int) -> None:
        """A stream delivers its last events again."""

        async def repeated() -> None:
            self.operator.rewind(KINDS[kind], count)
            self.operator.deliver(KINDS[kind])

        self.run(repeated())

    @rule(most=st.integers(1, 3))
    def work(self, most: int) -> None:
        """Some passes over what is due; streams that never listed list first."""
        self.run(self._worked(most))

    @rule(span_s=st.sampled_from([0.05, 1.0, 20.0, 70.0, RESYNC_S]))
    def wait(self, span_s: float) -> None:
        """Time goes by."""
        self.clock.advance(span_s)

    @rule(what=st.sampled_from(TROUBLE), skip=st.integers(0, 5), times=st.integers(1, 4))
    def trouble(self, what: Any, skip: int, times: int) -> None:
        """Some of the next writes go wrong."""
        fault = self.cluster.faults.add(Fault("write", skip=skip, times=times))
        if isinstance(what, int):
            fault.status, fault.retry_after_s = (
                what,
                1 if what == HTTPStatus.TOO_MANY_REQUESTS else None,
            )
            fault.reason = "Conflict" if what == HTTPStatus.CONFLICT else ""
        else:
            fault.reset = what

    @rule(skip=st.integers(0, 20), is_kept=st.booleans())
    def die(self, skip: int, *, is_kept: bool) -> None:
        """The operator dies at one of its next writes; another one begins with nothing."""
        before, after = (None, crash) if is_kept else (crash, None)
        fault = self.cluster.faults.add(Fault("write", skip=skip, before=before, after=after))
        self.run(self._worked(3))
        fault.times = 0
        self.operator = Driven(self.cluster, self.clock)

    @precondition(lambda self: self.operator.leads)
    @rule()
    def lose_lead(self) -> None:
        """Another process leads for a while: this one writes nothing."""

        async def worked() -> None:
            self.operator.leads = False
            before = len(self.cluster.writes)
            self.operator.deliver_all()
            await self.operator.passes(4)
            assert len(self.cluster.writes) == before
            self.operator.leads = True

        self.run(worked())

    async def _worked(self, most: int) -> None:
        """Some passes; a crash begins another operator."""
        if not self.operator.intake.is_complete:
            self.operator.deliver_all()
        try:
            await self.operator.passes(most)
        except CrashError:
            self.operator = Driven(self.cluster, self.clock)
        await turns()

    async def _edit(self, kind: str, name: str, change: Json) -> None:
        """Merge a change into what is there."""
        try:
            collection = self.cluster.store.of(kind)
            writes.patch(self.cluster.store, collection, Write("ns", name, "kubectl"), change)
        except RefusedError:
            return
        await turns()

    async def _delete(self, kind: str, name: str) -> None:
        """Delete what is there."""
        collection = self.cluster.store.of(kind)
        if ("ns", name) in collection.objects:
            writes.delete(self.cluster.store, collection, Write("ns", name, "kubectl"), {})
        await turns()

    def teardown(self) -> None:
        """Agents are what they would be had nothing happened, and nobody writes any more."""
        try:
            self.run(self._end())
        finally:
            self.runner.close()
        assert self.wrong == []
        for _, name in self.cluster.objects(KIND):
            agent = self.cluster.objects(KIND)["ns", name]
            ready = [c["status"] for c in conditions(agent) if c["type"] == "Ready"]
            assert ready == ["True"], conditions(agent)
            spec = json.dumps(agent["spec"], sort_keys=True)
            there, wanted = children(self.cluster, name), undisturbed(name, spec)
            assert [key for key in there | wanted if there.get(key) != wanted.get(key)] == []

    async def _end(self) -> None:
        """Nothing disturbs any more, and what is wrong in a specification is mended."""
        self.cluster.faults.clear()
        for _, name in self.cluster.objects(KIND):
            await self._edit(KIND, name, {"spec": SANE})
        await self.operator.settle()
        for _ in range(2):
            await self.operator.resync()
        before = len(self.cluster.writes)
        await self.operator.resync()
        assert self.cluster.writes[before:] == []


def conditions(agent: Json) -> list[Json]:
    """Conditions of an agent."""
    found: list[Json] = agent.get("status", {}).get("conditions", [])
    return found


TestAnyOrder = AnyOrder.TestCase
TestAnyOrder.settings = settings(
    max_examples=100,
    stateful_step_count=30,
    deadline=None,
    phases=[Phase.explicit, Phase.reuse, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
)
