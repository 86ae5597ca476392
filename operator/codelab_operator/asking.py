"""Whom to ask for `/health`, and how often: only what a status rests on and nobody else says. Pure.

Redis of ours is judged by its StatefulSet, a provider that is built in by the pods of the proxy,
and a service without pods has nobody to answer.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from codelab_operator.children import Agent
from codelab_operator.findings import Health
from codelab_operator.transitions import is_settled

UNSETTLED_S: Final = 10.0
SETTLED_S: Final = 60.0
BUILT_IN: Final = "scripted"

Status = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Asking:
    """What is asked of one agent."""

    components: tuple[str, ...] = ()
    """Whose `/health` is read; what others said before is forgotten."""
    span_s: float = UNSETTLED_S
    """Time between two times."""

    @property
    def is_settled(self) -> bool:
        """Nothing is expected to change soon."""
        return self.span_s != UNSETTLED_S


def asking(agent: Agent, status: Status) -> Asking:
    """What to ask an agent of this status."""
    has_outside = any(one.kind != BUILT_IN for one in agent.spec.llmproxy.providers)
    runtime = ("runtime",) if agent.spec.redis.external else ()
    proxy = ("llmproxy",) if has_outside and has_pods(status, "llmproxy") else ()
    return Asking((*runtime, *proxy), SETTLED_S if is_settled(status) else UNSETTLED_S)


def heard(agent: Agent, health: Health, *, has_proxy: bool) -> Health:
    """What holds of providers: nothing where the proxy has no pod to say it."""
    if not has_proxy:
        return replace(health, llmproxy=None)
    built_in = {one.name: "ok" for one in agent.spec.llmproxy.providers if one.kind == BUILT_IN}
    return replace(health, llmproxy=built_in | dict(health.llmproxy or {}))


def remembered(status: Status) -> Health:
    """What services said to the operator that wrote a status: they are not asked yet."""
    said = {one["name"]: _outcome(one) for one in status.get("providers") or ()}
    conditions = {one["type"]: one["status"] for one in status.get("conditions") or ()}
    store = {"redis": "ok"} if conditions.get("RedisReady") == "True" else None
    return Health(store, said or None)


def has_pods(status: Status, component: str) -> bool:
    """Whether a component has somebody to answer."""
    parts = status.get("components") or ()
    return any(one["name"] == component and one.get("ready", 0) > 0 for one in parts)


def _outcome(entry: Mapping[str, str]) -> str:
    """The check that became an entry of `status.providers`."""
    return f"error: {entry['message']}" if entry["state"] == "error" else entry["state"]
