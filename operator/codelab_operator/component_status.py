"""State of gateway, runtime, LLM proxy and Redis, as entries and as conditions. Pure."""

from collections.abc import Mapping
from typing import Any, Final

from codelab_operator.api_group import COMPONENTS
from codelab_operator.findings import Findings, Health
from codelab_operator.verdicts import Verdict
from codelab_operator.workloads import WORKLOADS, Workload, workload

CONDITIONS: Final = {
    "gateway": "GatewayReady",
    "runtime": "RuntimeReady",
    "llmproxy": "LLMProxyReady",
    "redis": "RedisReady",
}
REFUSED: Final = ("auth", "permission", "wrongpass", "filenotfound")
NO_FILE: Final = "FileNotFoundError"
"""What a client says that finds no password or certificate."""


def workloads(findings: Findings) -> dict[str, Workload]:
    """State of everything that runs pods, by component; external Redis is not among it."""
    return {
        child.component: workload(findings.observed.get(child.key), child.hash)
        for child in findings.desired
        if child.key.kind in WORKLOADS
    }


def component_verdicts(states: Mapping[str, Workload], health: Health) -> list[Verdict]:
    """One verdict for each Deployment, and one for Redis, ours or external."""
    made = [_deployment(name, states.get(name, Workload("NotCreated"))) for name in COMPONENTS]
    redis = states.get("redis")
    made.append(_managed_redis(redis) if redis else _external_redis(health))
    return made


def component_entries(states: Mapping[str, Workload]) -> list[dict[str, Any]]:
    """`status.components`: the three Deployments, then Redis."""
    made = [_entry(name, states.get(name, Workload("NotCreated"))) for name in COMPONENTS]
    redis = states.get("redis")
    made.append(_entry("redis", redis) if redis else {"name": "redis", "summary": "external"})
    return made


def _deployment(name: str, state: Workload) -> Verdict:
    is_ready = state.progress == "Available"
    return Verdict(CONDITIONS[name], "True" if is_ready else "False", state.progress, _words(state))


def _managed_redis(state: Workload) -> Verdict:
    if state.progress == "Available":
        return Verdict("RedisReady", "True", "Available")
    return Verdict("RedisReady", "False", "NotReady", _words(state))


def _external_redis(health: Health) -> Verdict:
    """What the runtime says of a server that is not ours."""
    outcome = (health.runtime or {}).get("redis")
    if outcome is None:
        return Verdict("RedisReady", "Unknown", "NotReady", "The runtime has not reported yet.")
    if outcome == "ok":
        return Verdict("RedisReady", "True", "Available")
    words = f"The runtime says: {outcome}"
    if NO_FILE in outcome:
        words += ". A Secret or a key in it that the specification names is not there."
    return Verdict("RedisReady", "False", _fault(outcome), words)


def _fault(outcome: str) -> str:
    """The reason behind `timeout` or `error: …`; an error names the exception of the client."""
    words = outcome.lower()
    if "eviction" in words:
        return "EvictionPolicy"
    is_refused = any(word in words for word in REFUSED)
    return "AuthFailed" if is_refused else "Unreachable"


def _words(state: Workload) -> str:
    """The controller's words, or the numbers, where something is amiss."""
    if state.progress in {"Available", "NotCreated"}:
        return ""
    numbers = f"{state.available} of {state.desired} pods available, {state.updated} updated"
    return f"{numbers}: {state.message}" if state.message else f"{numbers}."


def _entry(name: str, state: Workload) -> dict[str, Any]:
    facts = {
        "name": name,
        "version": state.version,
        "image": state.image,
        "hash": state.hash or None,
        "desired": state.desired,
        "ready": state.available,
        "updated": state.updated,
        "summary": f"{state.available}/{state.desired}",
    }
    return {field: fact for field, fact in facts.items() if fact is not None}
