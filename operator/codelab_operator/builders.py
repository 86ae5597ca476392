"""What every component has: a Deployment, a Service; and the account of all pods. Pure."""

from typing import Any, Final

from codelab_operator.api_group import (
    PORTS,
    REPLICAS_ANNOTATION,
    UNREADY_RUNTIME,
    VERSION_ANNOTATION,
)
from codelab_operator.children import Agent, Child
from codelab_operator.components import Component
from codelab_operator.intents import Draft, child, present, selector
from codelab_operator.pods import template

REVISIONS: Final = 3
"""Old ReplicaSets that are kept for a rollback."""


def deployment(agent: Agent, component: Component) -> Child:
    """The pods of a component; how many is only said where the specification says it."""
    replicas, rollout = component.spec.replicas, agent.spec.rollout
    strategy = {"maxSurge": rollout.max_surge, "maxUnavailable": 0}
    body = {
        "spec": {
            "selector": {"matchLabels": selector(agent, component.name)},
            "revisionHistoryLimit": REVISIONS,
            "progressDeadlineSeconds": rollout.progress_deadline_seconds,
            "strategy": {"type": "RollingUpdate", "rollingUpdate": strategy},
            "template": template(agent, component),
            **present(replicas=replicas, minReadySeconds=rollout.min_ready_seconds or None),
        }
    }
    notes = {VERSION_ANNOTATION: agent.spec.version}
    if replicas is not None:
        notes[REPLICAS_ANNOTATION] = str(replicas)
    name = agent.child_name(component.name)
    return child(agent, Draft("Deployment", name, component.name, body, annotations=notes))


def service(agent: Agent, component: Component) -> Child:
    """The address of a component."""
    spec: dict[str, Any] = {
        "type": "ClusterIP",
        "selector": selector(agent, component.name),
        "sessionAffinity": "None",
        "ports": [http_port(component)],
    }
    notes: dict[str, str] = {}
    if component.name == "runtime":  # the gateway picks among the addresses behind the name
        spec["clusterIP"] = "None"
    if component.name == "gateway":
        spec |= _exposed(agent, component)
        notes = dict(agent.spec.exposure.service.annotations or {})
    name = agent.child_name(component.name)
    return child(agent, Draft("Service", name, component.name, {"spec": spec}, annotations=notes))


def unready_runtime(agent: Agent) -> tuple[Child, ...]:
    """Every pod of the runtime, ready or not, where the store is not ours.

    A runtime without its store is not ready, and only it can say what is wrong with the store. The
    port has a name of its own: monitors leave it out.
    """
    if agent.spec.redis.managed:
        return ()
    port = {"name": "health", "port": PORTS["runtime"], "protocol": "TCP", "targetPort": "http"}
    spec = {
        "type": "ClusterIP",
        "clusterIP": "None",
        "publishNotReadyAddresses": True,
        "selector": selector(agent, "runtime"),
        "ports": [port],
    }
    name = agent.child_name(UNREADY_RUNTIME)
    return (child(agent, Draft("Service", name, "runtime", {"spec": spec})),)


def http_port(component: Component) -> dict[str, Any]:
    """The only port of a Service."""
    return {
        "name": "http",
        "port": component.port,
        "protocol": "TCP",
        "targetPort": "http",
        "appProtocol": "http",
    }


def _exposed(agent: Agent, component: Component) -> dict[str, Any]:
    """What the specification says about the Service of the gateway."""
    wanted = agent.spec.exposure.service
    port = http_port(component) | present(nodePort=wanted.node_port)
    timeout = wanted.session_affinity_timeout_seconds
    fields: dict[str, Any] = {
        "type": wanted.type,
        "sessionAffinity": wanted.session_affinity,
        "ports": [port],
    }
    if wanted.session_affinity == "ClientIP" and timeout:
        fields["sessionAffinityConfig"] = {"clientIP": {"timeoutSeconds": timeout}}
    return fields


def service_account(agent: Agent) -> Child:
    """The account of all pods: without a token and without a right."""
    body = {"automountServiceAccountToken": False}
    return child(agent, Draft("ServiceAccount", agent.child_name(), "shared", body, write="create"))
