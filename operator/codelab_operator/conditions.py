"""What an agent's status says. Pure: the same facts give the same status, byte for byte.

No timestamps but `lastTransitionTime` and no counters: nothing changes while nothing happens.
"""

from collections.abc import Mapping
from typing import Any

from codelab_operator.api_status import Status
from codelab_operator.asking import heard
from codelab_operator.children import Agent, Manifest
from codelab_operator.component_status import component_entries, component_verdicts, workloads
from codelab_operator.findings import Findings
from codelab_operator.parsing import RefusedSpecError
from codelab_operator.readiness import View, readiness
from codelab_operator.surroundings_status import (
    endpoints,
    monitoring_verdict,
    provider_entries,
    provider_verdict,
)
from codelab_operator.verdicts import Verdict, as_conditions
from codelab_operator.workloads import Workload

OUR_OWN = frozenset({"Ready", "Reconciling", "Stalled"})


def conditions(
    agent: Agent, findings: Findings, previous: Mapping[str, Any], now: str
) -> dict[str, Any]:
    """The whole status; `previous` is the stored one, `now` RFC 3339 in whole seconds (UTC).

    `lastTransitionTime` moves only where a condition's `status` differs from the stored one.
    """
    states = workloads(findings)
    has_proxy = "llmproxy" in states and states["llmproxy"].available > 0
    health = heard(agent, findings.health, has_proxy=has_proxy)
    parts = component_verdicts(states, health)
    verdicts = [
        *readiness(View(agent, findings, states, parts, previous, now)),
        *parts,
        provider_verdict(agent, health),
    ]
    if monitoring := monitoring_verdict(agent, findings):
        verdicts.append(monitoring)
    status = {
        "observedGeneration": agent.generation,
        "version": _version(agent, states, previous),
        "conditions": as_conditions(verdicts, previous, now),
        "components": component_entries(states),
        "providers": provider_entries(agent, health),
        "endpoints": endpoints(agent, findings.observed),
        "clientTokenSecret": _client_token_secret(agent),
        "internalAuth": _internal_auth(agent, findings, previous),
    }
    return {field: fact for field, fact in status.items() if fact is not None}


def refused(resource: Manifest, error: RefusedSpecError, now: str) -> dict[str, Any]:
    """Status of a resource that could not be parsed: components as last seen, `Stalled`."""
    previous = resource.get("status") or {}
    verdicts = [
        Verdict("Ready", "False", error.reason, str(error)),
        Verdict("Stalled", "True", error.reason, str(error)),
    ]
    kept = [one for one in previous.get("conditions") or () if one["type"] not in OUR_OWN]
    seen = {field: fact for field, fact in previous.items() if field in _FIELDS}
    return seen | {
        "observedGeneration": resource["metadata"]["generation"],
        "conditions": [*as_conditions(verdicts, previous, now), *kept],
    }


_FIELDS = frozenset(field.alias for field in Status.model_fields.values())


def _version(
    agent: Agent, states: Mapping[str, Workload], previous: Mapping[str, Any]
) -> str | None:
    """Moves only when every component runs the wanted version."""
    wanted = agent.spec.version
    is_everywhere = bool(states) and all(
        state.version == wanted and state.progress == "Available" for state in states.values()
    )
    return wanted if is_everywhere else previous.get("version")


def _client_token_secret(agent: Agent) -> str | None:
    """The Secret that we make for clients, where we make one."""
    auth = agent.spec.gateway.auth
    is_ours = "token" in auth.modes and auth.tokens_secret_name is None
    return agent.child_name("client") if is_ours else None


def _internal_auth(
    agent: Agent, findings: Findings, previous: Mapping[str, Any]
) -> dict[str, str] | None:
    """State of our token; None while somebody else's is in use."""
    if agent.spec.internal_auth.secret_name is not None:
        return None
    if findings.rotation is not None:
        return {"rotation": findings.rotation.rotation, "phase": findings.rotation.phase}
    last: dict[str, str] = dict(previous.get("internalAuth") or {})
    return {"rotation": last.get("rotation", ""), "phase": last.get("phase", "Stable")}
