"""Ways from outside to the gateway: `/ws` and `/api/v1`, never probes or metrics. Pure."""

from typing import Any, Final

from codelab_operator.api_group import PORTS
from codelab_operator.children import Agent, Child, Offering
from codelab_operator.intents import Draft, child, present

PATHS: Final = ("/ws", "/api/v1")
GATEWAY_API: Final = "gateway.networking.k8s.io"


def ingress(agent: Agent) -> tuple[Child, ...]:
    """An Ingress, where one is wanted."""
    wanted = agent.spec.exposure.ingress
    if wanted is None:
        return ()
    name = agent.child_name("gateway")
    backend = {"service": {"name": name, "port": {"name": "http"}}}
    paths = [{"path": path, "pathType": "Prefix", "backend": backend} for path in PATHS]
    secret = wanted.tls_secret_name
    body = {
        "spec": {
            "rules": [{"host": wanted.host, "http": {"paths": paths}}],
            **present(
                ingressClassName=wanted.class_name,
                tls=[{"hosts": [wanted.host], "secretName": secret}] if secret else None,
            ),
        }
    }
    notes = dict(wanted.annotations or {})
    return (child(agent, Draft("Ingress", name, "gateway", body, annotations=notes)),)


def http_route(agent: Agent, offering: Offering) -> tuple[Child, ...]:
    """An HTTPRoute, where one is wanted and the cluster knows the kind.

    All fields that its schema has a default for are said: what comes back is compared with this.
    """
    wanted = agent.spec.exposure.http_route
    if wanted is None or not offering.http_routes:
        return ()
    name = agent.child_name("gateway")
    matches = [{"path": {"type": "PathPrefix", "value": path}} for path in PATHS]
    backend = {
        "group": "",
        "kind": "Service",
        "name": name,
        "port": PORTS["gateway"],
        "weight": 1,
    }
    rule: dict[str, Any] = {"matches": matches, "backendRefs": [backend]}
    rule |= present(sessionPersistence=wanted.session_persistence)
    parents = [{"group": GATEWAY_API, "kind": "Gateway", **ref} for ref in wanted.parent_refs]
    spec = {"parentRefs": parents, "hostnames": wanted.hostnames, "rules": [rule]}
    return (child(agent, Draft("HTTPRoute", name, "gateway", {"spec": spec})),)
