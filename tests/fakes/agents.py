"""Agents and their children, as tests of the operator ask for them."""

from typing import Any

from codelab_operator.api_spec import Spec
from codelab_operator.children import Agent, Offering
from codelab_operator.manifests import desired

EVERYTHING = Offering(service_monitors=True, http_routes=True, operator_namespace="operators")


def agent_of(**spec: Any) -> Agent:
    """The agent `demo` in the namespace `team`."""
    return Agent("team", "demo", "uid-1", 1, Spec.model_validate(spec))


def children_of(kind: str, **spec: Any) -> dict[str, Any]:
    """Manifests of one kind, by the component that they belong to."""
    children = desired(agent_of(**spec), EVERYTHING)
    return {child.component: child.manifest for child in children if child.key.kind == kind}


def pod_of(component: str, **spec: Any) -> dict[str, Any]:
    """The pod of a component."""
    kind = "StatefulSet" if component == "redis" else "Deployment"
    pod: dict[str, Any] = children_of(kind, **spec)[component]["spec"]["template"]["spec"]
    return pod


def container_of(component: str, **spec: Any) -> dict[str, Any]:
    """The container of a component's pod."""
    (container,) = pod_of(component, **spec)["containers"]
    assert isinstance(container, dict)
    return container
