"""The kinds that the operator reads and writes, and where the API has them. Pure.

A static table: nothing is discovered but whether the optional kinds are there.
"""

from dataclasses import dataclass
from typing import Final

from codelab_operator.api_group import GROUP_VERSION, KIND, PLURAL


@dataclass(frozen=True, slots=True)
class Kind:
    """One kind. `is_child`: agents have objects of it, selected by our label and watched."""

    api_version: str
    name: str
    plural: str
    is_child: bool = True
    is_optional: bool = False

    def path(self, namespace: str, name: str = "", subresource: str = "") -> str:
        """The path of an object, or of the collection; an empty namespace means all of them."""
        root = "/apis/" if "/" in self.api_version else "/api/"
        place = f"/namespaces/{namespace}" if namespace else ""
        below = "".join(f"/{part}" for part in (name, subresource) if part)
        return f"{root}{self.api_version}{place}/{self.plural}{below}"


AGENT: Final = Kind(GROUP_VERSION, KIND, PLURAL, is_child=False)
LEASE: Final = Kind("coordination.k8s.io/v1", "Lease", "leases", is_child=False)
EVENT: Final = Kind("events.k8s.io/v1", "Event", "events", is_child=False)
SECRET: Final = Kind("v1", "Secret", "secrets", is_child=False)
DEFINITION: Final = Kind(
    "apiextensions.k8s.io/v1",
    "CustomResourceDefinition",
    "customresourcedefinitions",
    is_child=False,
)
SERVICE_MONITOR: Final = Kind(
    "monitoring.coreos.com/v1", "ServiceMonitor", "servicemonitors", is_optional=True
)
HTTP_ROUTE: Final = Kind(
    "gateway.networking.k8s.io/v1", "HTTPRoute", "httproutes", is_optional=True
)
KINDS: Final = (
    AGENT,
    LEASE,
    EVENT,
    SECRET,
    DEFINITION,
    Kind("apps/v1", "Deployment", "deployments"),
    Kind("apps/v1", "StatefulSet", "statefulsets"),
    Kind("v1", "Service", "services"),
    Kind("v1", "ServiceAccount", "serviceaccounts"),
    Kind("v1", "ConfigMap", "configmaps"),
    Kind("networking.k8s.io/v1", "NetworkPolicy", "networkpolicies"),
    Kind("networking.k8s.io/v1", "Ingress", "ingresses"),
    Kind("policy/v1", "PodDisruptionBudget", "poddisruptionbudgets"),
    Kind("autoscaling/v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers"),
    SERVICE_MONITOR,
    HTTP_ROUTE,
)
CHILDREN: Final = tuple(kind for kind in KINDS if kind.is_child)

_BY_NAME: Final = {(kind.api_version, kind.name): kind for kind in KINDS}


def kind_of(api_version: str, name: str) -> Kind:
    """The kind of an object. Raises `KeyError` for one that no agent has."""
    return _BY_NAME[api_version, name]
