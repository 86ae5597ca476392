"""How far the pods of a Deployment or StatefulSet are. Pure.

Pods that terminate never count: `status.replicas` and its like leave them out.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from codelab_operator.api_group import HASH_ANNOTATION, VERSION_ANNOTATION
from codelab_operator.children import Manifest

WORKLOADS: Final = frozenset({"Deployment", "StatefulSet"})

Progress = Literal[
    "Available",
    "RollingOut",
    "NotEnoughPods",
    "ReplicaFailure",
    "ProgressDeadlineExceeded",
    "NotCreated",
]


@dataclass(frozen=True, slots=True)
class Workload:
    """One component's pods in numbers."""

    progress: Progress
    message: str = ""
    desired: int = 0
    available: int = 0
    updated: int = 0
    version: str | None = None
    image: str | None = None
    hash: str = ""


def workload(live: Manifest | None, wanted: str) -> Workload:
    """State of an object whose intent should have the hash `wanted`; an older one is rolling."""
    if live is None or live["metadata"].get("deletionTimestamp"):
        return Workload("NotCreated")
    status: Mapping[str, Any] = live.get("status") or {}
    annotations = live["metadata"].get("annotations") or {}
    progress, message = _progress(live, is_wanted=hash_of(live) == wanted)
    return Workload(
        progress,
        message,
        desired=_desired(live),
        available=status.get("availableReplicas", 0),
        updated=status.get("updatedReplicas", 0),
        version=annotations.get(VERSION_ANNOTATION),
        image=_image(live),
        hash=hash_of(live),
    )


def gist(live: Manifest) -> dict[str, Any]:
    """What `workload` reads of a specification; of other kinds nothing."""
    if live["kind"] not in WORKLOADS:
        return {}
    containers = [{"image": _image(live)}]
    return {
        "spec": {
            "replicas": _desired(live),
            "template": {"spec": {"containers": containers}},
        }
    }


def hash_of(live: Manifest) -> str:
    """Hash of the intent that was applied last; empty without one."""
    return str((live["metadata"].get("annotations") or {}).get(HASH_ANNOTATION, ""))


def is_settled(live: Manifest | None, wanted: str) -> bool:
    """The wanted intent is applied, and all its pods are available."""
    return workload(live, wanted).progress == "Available"


def _progress(live: Manifest, *, is_wanted: bool) -> tuple[Progress, str]:
    """What a workload is doing, and the controller's words about what is wrong."""
    status = live.get("status") or {}
    is_current = status.get("observedGeneration", 0) >= live["metadata"].get("generation", 0)
    if is_current and (trouble := _trouble(status.get("conditions") or ())):
        return trouble
    if not is_wanted or not is_current or not _is_rolled_out(live):
        return "RollingOut", ""
    if status.get("availableReplicas", 0) < _desired(live):
        return "NotEnoughPods", ""
    return "Available", ""


def _trouble(conditions: Sequence[Mapping[str, Any]]) -> tuple[Progress, str] | None:
    """What a controller gave up, if anything; the deadline speaks louder than its cause."""
    seen = {one["type"]: one for one in conditions}
    progressing, failing = seen.get("Progressing", {}), seen.get("ReplicaFailure", {})
    if progressing.get("reason") == "ProgressDeadlineExceeded":
        return "ProgressDeadlineExceeded", progressing.get("message", "")
    if failing.get("status") == "True":
        return "ReplicaFailure", failing.get("message", "")
    return None


def _is_rolled_out(live: Manifest) -> bool:
    """Every pod is of the newest template and no old one is left."""
    status = live.get("status") or {}
    updated = status.get("updatedReplicas", 0)
    return bool(updated == _desired(live) and status.get("replicas", 0) == updated)


def _desired(live: Manifest) -> int:
    """Pods that whoever scales asks for; the API server's default is one."""
    return int(live.get("spec", {}).get("replicas", 1))


def _image(live: Manifest) -> str | None:
    """Image of the first container, which is ours: injected ones come after it."""
    pod: Mapping[str, Any] = live.get("spec", {}).get("template", {}).get("spec", {})
    return next((one.get("image") for one in pod.get("containers") or ()), None)
