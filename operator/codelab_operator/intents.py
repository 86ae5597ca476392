"""What every child carries: names, labels, its owner, and the hash of its own intent. Pure."""

import contextlib
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

import orjson

from codelab_operator.api_group import (
    AGENT_LABEL,
    COMPONENT_LABEL,
    FIELD_MANAGER,
    GROUP_VERSION,
    HASH_ANNOTATION,
    INSTANCE_LABEL,
    KIND,
    MANAGED_BY_LABEL,
    NAME_LABEL,
    PART_OF_LABEL,
    PRODUCT,
)
from codelab_operator.children import Agent, Child

API_VERSIONS: Final = {
    "ConfigMap": "v1",
    "Secret": "v1",
    "Service": "v1",
    "ServiceAccount": "v1",
    "Deployment": "apps/v1",
    "StatefulSet": "apps/v1",
    "HorizontalPodAutoscaler": "autoscaling/v2",
    "PodDisruptionBudget": "policy/v1",
    "Ingress": "networking.k8s.io/v1",
    "NetworkPolicy": "networking.k8s.io/v1",
    "HTTPRoute": "gateway.networking.k8s.io/v1",
    "ServiceMonitor": "monitoring.coreos.com/v1",
}
"""Every kind that an agent may consist of."""

HASH_DIGITS: Final = 16
DOUBTFUL: Final = (b"\x7f", b"null", b"0.0000")
"""What the standard library may write in another way, or refuse: small numbers, and none."""
EXPONENT: Final = re.compile(rb"e-?\d+[,\]}]")
"""The end of a number with an exponent, or of a text that looks like one."""

ComponentName = Literal["shared", "gateway", "runtime", "llmproxy", "redis"]


@dataclass(frozen=True, slots=True)
class Draft:
    """What is particular about one child; `body` is everything beside its metadata."""

    kind: str
    name: str
    component: ComponentName
    body: Mapping[str, Any]
    labels: Mapping[str, str] = field(default_factory=dict)
    annotations: Mapping[str, str] = field(default_factory=dict)
    write: Literal["apply", "create"] = "apply"
    secret: Literal["", "internal", "client"] = ""


def selector(agent: Agent, component: str) -> dict[str, str]:
    """Labels of a component's pods: never one that changes, or a Deployment could not follow."""
    return {NAME_LABEL: PRODUCT, INSTANCE_LABEL: agent.name, COMPONENT_LABEL: component}


def labels(agent: Agent, component: str) -> dict[str, str]:
    """Labels of a child."""
    return selector(agent, component) | {
        PART_OF_LABEL: "codelab",
        MANAGED_BY_LABEL: FIELD_MANAGER,
        AGENT_LABEL: agent.name,
    }


def child(agent: Agent, draft: Draft) -> Child:
    """The whole intent, with the marks that say whose it is and what it was rendered from."""
    notes = {name: text for name, text in draft.annotations.items() if name != HASH_ANNOTATION}
    metadata = {
        "name": draft.name,
        "namespace": agent.namespace,
        "labels": {**draft.labels, **labels(agent, draft.component)},
        "annotations": notes,
        "ownerReferences": [owner(agent)],
    }
    head = {"apiVersion": API_VERSIONS[draft.kind], "kind": draft.kind, "metadata": metadata}
    manifest = {**head, **draft.body}
    marked = {**notes, HASH_ANNOTATION: digest(manifest)}
    return Child(
        {**manifest, "metadata": {**metadata, "annotations": marked}},
        draft.component,
        draft.write,
        draft.secret,
    )


def owner(agent: Agent) -> dict[str, Any]:
    """The reference that lets the cluster delete a child with its agent."""
    return {
        "apiVersion": GROUP_VERSION,
        "kind": KIND,
        "name": agent.name,
        "uid": agent.uid,
        "controller": True,
        "blockOwnerDeletion": False,
    }


def canonical(value: Any) -> bytes:
    """The one JSON text of a value: sorted keys, no blanks, ASCII.

    Hot: benchmarks/reconcile.py. The fast encoder writes the same but for other letters than ASCII,
    for very small and large numbers, and for what is no number, of which it makes null.
    """
    with contextlib.suppress(orjson.JSONEncodeError):
        quick = orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
        is_plain = quick.isascii() and not any(text in quick for text in DOUBTFUL)
        if is_plain and not EXPONENT.search(quick + b"]"):
            return quick
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def digest(value: Any) -> str:
    """First 16 hex digits of the SHA-256 of the canonical JSON."""
    return hashlib.sha256(canonical(value)).hexdigest()[:HASH_DIGITS]


def present(**fields: Any) -> dict[str, Any]:
    """The fields that say something.

    The API server drops empty lists and texts: sending them would look like drift for ever.
    """
    return {name: value for name, value in fields.items() if value not in (None, "", [], {})}
