"""Providers, monitors and addresses of an agent, as its status shows them. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from codelab_operator.api_group import PORTS
from codelab_operator.children import Agent, Manifest, ObjectKey
from codelab_operator.findings import Findings, Health
from codelab_operator.verdicts import Verdict
from codelab_operator.workloads import hash_of

MONITOR: Final = "ServiceMonitor"
WEBSOCKET_PATH: Final = "/ws"


def provider_verdict(agent: Agent, health: Health) -> Verdict:
    """The worst that the LLM proxy says of a provider; a lost key is told before a lost line."""
    entries = provider_entries(agent, health)
    if len(entries) < len(agent.spec.llmproxy.providers):
        return Verdict("ProvidersReady", "Unknown", "NotChecked")
    faults = {_fault(entry): entry for entry in reversed(entries) if entry["state"] != "ok"}
    for reason in ("KeyMissing", "KeyRejected", "Unreachable"):
        if reason in faults:
            entry = faults[reason]
            words = f"Provider {entry['name']}: {entry['message']}"
            return Verdict("ProvidersReady", "False", reason, words)
    return Verdict("ProvidersReady", "True", "AllOk")


def provider_entries(agent: Agent, health: Health) -> list[dict[str, str]]:
    """`status.providers`: those that the LLM proxy has reported on, in the order of the spec."""
    checks = health.llmproxy or {}
    return [
        _provider(one.name, checks[one.name])
        for one in agent.spec.llmproxy.providers
        if one.name in checks
    ]


def _provider(name: str, outcome: str) -> dict[str, str]:
    if outcome == "ok":
        return {"name": name, "state": "ok"}
    state = "timeout" if outcome == "timeout" else "error"
    message = outcome.removeprefix("error:").strip() or "no details"
    return {"name": name, "state": state, "message": message[:1024]}


def _fault(entry: Mapping[str, str]) -> str:
    """The reason behind an outcome; an error names the exception, or the kind of refusal."""
    words = entry["message"].lower()
    if "missing" in words:
        return "KeyMissing"
    is_refused = any(word in words for word in ("auth", "reject", "401", "403"))
    return "KeyRejected" if is_refused else "Unreachable"


def monitoring_verdict(agent: Agent, findings: Findings) -> Verdict | None:
    """Whether the monitors stand; None where none are wanted."""
    if agent.spec.monitoring.service_monitor == "Disabled":
        return None
    if not findings.offering.service_monitors:
        return Verdict("MonitoringReady", "False", "CRDMissing")
    wanted = [child for child in findings.desired if child.key.kind == MONITOR]
    live = findings.observed
    if all(child.key in live and hash_of(live[child.key]) == child.hash for child in wanted):
        return Verdict("MonitoringReady", "True", "Applied")
    refusals = [one.message for one in findings.failures if one.key.kind == MONITOR]
    return Verdict("MonitoringReady", "False", "Pending", "; ".join(refusals))


def endpoints(agent: Agent, observed: Mapping[ObjectKey, Manifest]) -> dict[str, Any]:
    """WebSocket addresses of the gateway: of its Service, and those that lead in from outside."""
    service = agent.child_name("gateway")
    inner = f"ws://{service}.{agent.namespace}.svc:{PORTS['gateway']}{WEBSOCKET_PATH}"
    outer = [*_declared(agent), *_balanced(service, observed)]
    return {"internal": inner, "external": list(dict.fromkeys(outer))}


def _declared(agent: Agent) -> Iterator[str]:
    """Host names of the specification; whether a route has TLS is its listener's affair."""
    ingress, route = agent.spec.exposure.ingress, agent.spec.exposure.http_route
    if ingress:
        scheme = "wss" if ingress.tls_secret_name else "ws"
        yield f"{scheme}://{ingress.host}{WEBSOCKET_PATH}"
    for host in route.hostnames if route else ():
        yield f"wss://{host}{WEBSOCKET_PATH}"


def _balanced(service: str, observed: Mapping[ObjectKey, Manifest]) -> Iterator[str]:
    """Addresses that a load balancer has given to the Service."""
    for key, live in observed.items():
        if (key.kind, key.name) != ("Service", service):
            continue
        given: Sequence[Mapping[str, str]] = (live.get("status") or {}).get("loadBalancer", {}).get(
            "ingress"
        ) or ()
        for one in given:
            host = one.get("hostname") or one.get("ip", "")
            bracketed = f"[{host}]" if ":" in host else host
            yield f"ws://{bracketed}:{PORTS['gateway']}{WEBSOCKET_PATH}"
