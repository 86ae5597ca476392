"""What the fake API server serves: groups, versions, names of resources, and their habits."""

from dataclasses import dataclass
from typing import Any, Final

VERBS: Final = ("create", "delete", "get", "list", "patch", "update", "watch")


@dataclass(frozen=True, slots=True)
class Resource:
    """One kind. `group_version` is `v1` for the core group."""

    group_version: str
    kind: str
    plural: str
    short: str = ""
    has_status: bool = False
    has_scale: bool = False
    has_generation: bool = False
    is_namespaced: bool = True

    @property
    def group(self) -> str:
        """Empty for the core group."""
        return self.group_version.rpartition("/")[0]

    def listed(self) -> list[dict[str, Any]]:
        """The entries of this kind in the discovery document."""
        plain = {
            "name": self.plural,
            "singularName": self.kind.lower(),
            "namespaced": self.is_namespaced,
            "kind": self.kind,
            "verbs": list(VERBS),
            "shortNames": [self.short] if self.short else [],
        }
        names = [n for n, on in (("status", self.has_status), ("scale", self.has_scale)) if on]
        below = {"singularName": "", "namespaced": True, "kind": self.kind, "verbs": ["get"]}
        return [plain, *(below | {"name": f"{self.plural}/{name}"} for name in names)]


def _workload(kind: str, short: str) -> Resource:
    """A kind of `apps/v1`."""
    return Resource("apps/v1", kind, f"{kind.lower()}s", short, True, True, True)  # noqa: FBT003 -- a table


AGENTS: Final = Resource(
    "codelab.dev/v1beta1",
    "CodelabAgent",
    "codelabagents",
    "cla",
    has_status=True,
    has_generation=True,
)
DEPLOYMENTS: Final = _workload("Deployment", "deploy")
STATEFUL_SETS: Final = _workload("StatefulSet", "sts")
AUTOSCALERS: Final = Resource(
    "autoscaling/v2",
    "HorizontalPodAutoscaler",
    "horizontalpodautoscalers",
    "hpa",
    has_status=True,
)
SERVICE_MONITORS: Final = Resource(
    "monitoring.coreos.com/v1", "ServiceMonitor", "servicemonitors", "smon", has_generation=True
)
HTTP_ROUTES: Final = Resource(
    "gateway.networking.k8s.io/v1",
    "HTTPRoute",
    "httproutes",
    has_status=True,
    has_generation=True,
)
DEFINITIONS: Final = Resource(
    "apiextensions.k8s.io/v1",
    "CustomResourceDefinition",
    "customresourcedefinitions",
    "crd",
    has_status=True,
    has_generation=True,
    is_namespaced=False,
)

BUILT_IN: Final = (
    Resource("v1", "Namespace", "namespaces", "ns", has_status=True, is_namespaced=False),
    Resource("v1", "Service", "services", "svc", has_status=True),
    Resource("v1", "ServiceAccount", "serviceaccounts", "sa"),
    Resource("v1", "Secret", "secrets"),
    Resource("v1", "ConfigMap", "configmaps", "cm"),
    Resource("v1", "Pod", "pods", "po", has_status=True),
    DEPLOYMENTS,
    STATEFUL_SETS,
    AUTOSCALERS,
    Resource("networking.k8s.io/v1", "NetworkPolicy", "networkpolicies", has_generation=True),
    Resource(
        "networking.k8s.io/v1",
        "Ingress",
        "ingresses",
        "ing",
        has_status=True,
        has_generation=True,
    ),
    Resource(
        "policy/v1",
        "PodDisruptionBudget",
        "poddisruptionbudgets",
        "pdb",
        has_status=True,
        has_generation=True,
    ),
    Resource("coordination.k8s.io/v1", "Lease", "leases"),
    Resource("events.k8s.io/v1", "Event", "events", "ev"),
    DEFINITIONS,
    AGENTS,
)
OPTIONAL: Final = (SERVICE_MONITORS, HTTP_ROUTES)
"""Kinds that a cluster has once somebody installed their definition."""


def api_groups(resources: list[Resource]) -> dict[str, Any]:
    """The answer to `GET /apis`: each group has one version."""
    versions = sorted({r.group_version for r in resources if r.group})
    entries = [
        {"groupVersion": version, "version": version.rpartition("/")[2]} for version in versions
    ]
    groups = [
        {"name": e["groupVersion"].rpartition("/")[0], "versions": [e], "preferredVersion": e}
        for e in entries
    ]
    return {"kind": "APIGroupList", "apiVersion": "v1", "groups": groups}


def api_resources(resources: list[Resource], group_version: str) -> dict[str, Any] | None:
    """The answer to `GET /apis/<group>/<version>`; None where nothing is served there."""
    listed = [e for r in resources if r.group_version == group_version for e in r.listed()]
    if not listed:
        return None
    return {
        "kind": "APIResourceList",
        "apiVersion": "v1",
        "groupVersion": group_version,
        "resources": listed,
    }
