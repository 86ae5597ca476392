"""What the API server fills in by itself, as far as operators notice it."""

from typing import Any, Final

from codelab_operator.api_group import RELEASE

Json = Any

PENDING: Final = {
    "conditions": [
        {
            "type": "Ready",
            "status": "Unknown",
            "reason": "Pending",
            "lastTransitionTime": "1970-01-01T00:00:00Z",
        }
    ]
}
"""The default of an agent's status: nobody has seen it yet."""
CONTAINER: Final = {
    "terminationMessagePath": "/dev/termination-log",
    "terminationMessagePolicy": "File",
}
POD: Final = {"restartPolicy": "Always", "dnsPolicy": "ClusterFirst", "schedulerName": "default"}


def with_defaults(manifest: Json) -> Json:
    """The object with defaults of its kind; the argument stays as it is."""
    fill = _FILLERS.get(manifest["kind"])
    return fill(manifest) if fill else manifest


def _workload(manifest: Json) -> Json:
    """Deployments and StatefulSets: one replica, and what every pod gets."""
    spec = {"replicas": 1, "revisionHistoryLimit": 10} | manifest.get("spec", {})
    template = spec.get("template", {})
    pod = template.get("spec", {})
    containers = [CONTAINER | container for container in pod.get("containers", [])]
    spec["template"] = template | {"spec": POD | pod | {"containers": containers}}
    return manifest | {"spec": spec}


def _service(manifest: Json) -> Json:
    """Services: an address, and the port of the pods."""
    spec = {"type": "ClusterIP", "clusterIP": "10.96.0.1", "sessionAffinity": "None"} | (
        manifest.get("spec", {})
    )
    ports = [{"targetPort": port["port"]} | port for port in spec.get("ports", [])]
    return manifest | {"spec": spec | {"ports": ports}}


def _agent(manifest: Json) -> Json:
    """Agents: the version of the release that is installed, and a status that says Pending."""
    spec = {"version": RELEASE} | manifest.get("spec", {})
    return {"status": PENDING} | manifest | {"spec": spec}


def _autoscaler(manifest: Json) -> Json:
    """Autoscalers: at least one pod."""
    return manifest | {"spec": {"minReplicas": 1} | manifest.get("spec", {})}


_FILLERS: Final = {
    "Deployment": _workload,
    "StatefulSet": _workload,
    "Service": _service,
    "CodelabAgent": _agent,
    "HorizontalPodAutoscaler": _autoscaler,
}
