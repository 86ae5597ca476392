"""Toy controllers: workloads become ready, autoscalers scale, what an object owned goes with it."""

import asyncio
import hashlib
from collections import defaultdict
from dataclasses import dataclass, field
from typing import Any, Final

import orjson

from fakes.cluster import writes
from fakes.cluster.store import Change, Collection, Store, Stored, stamp
from fakes.cluster.writes import Write

Json = Any

MANAGER: Final = "kube-controller-manager"
WORKLOADS: Final = ("Deployment", "StatefulSet")


@dataclass(slots=True)
class Controllers:
    """Act on changes. `delay_s`: time from a new template to ready pods."""

    store: Store
    delay_s: float = 0.0
    broken_images: set[str] = field(default_factory=set)
    """Pods with these images never become ready."""
    templates: dict[tuple[str, str], list[str]] = field(default_factory=lambda: defaultdict(list))
    """Hashes of pod templates by (namespace, Deployment): one entry for each ReplicaSet."""

    waiting: dict[str, dict[tuple[str, str], Collection]] = field(
        default_factory=lambda: defaultdict(dict)
    )
    """Workloads by (kind, name) whose pods wait for something to mount, by namespace."""

    owned: dict[str, dict[tuple[str, str, str], Collection]] = field(
        default_factory=lambda: defaultdict(dict)
    )
    """Objects by (kind, namespace, name) that named an owner, by its uid."""

    def attach(self) -> None:
        """Listen to the store."""
        self.store.listeners.append(self._on_change)

    def _on_change(self, collection: Collection, change: Change) -> None:
        """Schedule what follows from a change."""
        loop = asyncio.get_running_loop()
        kind = collection.resource.kind
        if change.after is None:
            if change.before is not None:
                loop.call_soon(self._collect, change.before.uid)
            return
        if kind in WORKLOADS and _is_unobserved(change.after):
            self._note_template(change.after)
            loop.call_later(self.delay_s, self._settle, collection, change.after)
        elif kind == "HorizontalPodAutoscaler":
            loop.call_soon(self._scale, change.after)
        elif kind == "Secret" and change.before is None:
            loop.call_soon(self._start_waiting, change.after.namespace)
        for uid in _owner_uids(change.after):
            self.owned[uid][kind, change.after.namespace, change.after.name] = collection
            loop.call_soon(self._collect_orphan, collection, change.after)

    def _note_template(self, workload: Stored) -> None:
        """Remember each new pod template."""
        seen = self.templates[workload.namespace, workload.name]
        template = orjson.dumps(workload.manifest["spec"]["template"], option=orjson.OPT_SORT_KEYS)
        digest = hashlib.sha256(template).hexdigest()[:10]
        if digest not in seen:
            seen.append(digest)

    def _settle(self, collection: Collection, seen: Stored) -> None:
        """Make the pods of a workload ready, if it is still the same."""
        live = collection.objects.get((seen.namespace, seen.name))
        if live is None or live.uid != seen.uid or not _is_unobserved(live):
            return
        pods = live.manifest["spec"]["template"]["spec"]
        place = (collection.resource.kind, live.name)
        if not all(
            (live.namespace, name) in self.store.of("Secret").objects for name in needed(pods)
        ):
            self.waiting[live.namespace][place] = collection
            return  # the kubelet waits for what is to be mounted
        self.waiting[live.namespace].pop(place, None)
        images = {container.get("image") for container in pods.get("containers", [])}
        status = stuck(live) if images & self.broken_images else settled(live)
        self._write_status(collection, live, status)

    def _start_waiting(self, namespace: str) -> None:
        """A Secret has come: pods may have waited for it."""
        for (_, name), collection in list(self.waiting[namespace].items()):
            if stored := collection.objects.get((namespace, name)):
                self._settle(collection, stored)

    def _write_status(self, collection: Collection, live: Stored, status: Json) -> None:
        """Write a status as the controllers of a cluster do."""
        write = Write(live.namespace, live.name, MANAGER, "status")
        writes.edit(self.store, collection, write, live.manifest | {"status": status})

    def _scale(self, autoscaler: Stored) -> None:
        """Bring a workload up to the minimum of its autoscaler."""
        spec = autoscaler.manifest["spec"]
        target = spec["scaleTargetRef"]
        collection = self.store.of(target["kind"])
        live = collection.objects.get((autoscaler.namespace, target["name"]))
        if live is None or live.manifest["spec"]["replicas"] >= spec["minReplicas"]:
            return
        desired = live.manifest["spec"] | {"replicas": spec["minReplicas"]}
        write = Write(live.namespace, live.name, MANAGER, "scale")
        writes.edit(self.store, collection, write, live.manifest | {"spec": desired})

    def _collect(self, uid: str) -> None:
        """Delete what a gone object owned."""
        for (_, *place), collection in self.owned.pop(uid, {}).items():
            stored = collection.objects.get((place[0], place[1]))
            if stored is not None and uid in _owner_uids(stored):
                self._drop(collection, stored)

    def _collect_orphan(self, collection: Collection, stored: Stored) -> None:
        """Delete an object whose owner was gone when it came."""
        if _owner_uids(stored) & self.store.dead:
            self._drop(collection, stored)

    def _drop(self, collection: Collection, stored: Stored) -> None:
        """Delete an object if it is still there."""
        live = collection.objects.get((stored.namespace, stored.name))
        if live is not None and live.uid == stored.uid:
            self.store.drop(collection, live)

    def unsettle(self, kind: str, namespace: str, name: str) -> None:
        """Take the pods of a workload away, as a lost node does."""
        collection = self.store.of(kind)
        live = collection.objects[namespace, name]
        away = {"readyReplicas": 0, "availableReplicas": 0}
        self._write_status(collection, live, live.manifest["status"] | away)

    def settle(self, kind: str, namespace: str, name: str) -> None:
        """Give a workload its pods back."""
        collection = self.store.of(kind)
        live = collection.objects[namespace, name]
        self._write_status(collection, live, settled(live))


def needed(pod: Json) -> set[str]:
    """Names of the Secrets without which a pod does not start."""
    volumes = pod.get("volumes", [])
    sources = [s for v in volumes for s in v.get("projected", {}).get("sources", [])]
    mounted = [(v["secret"], "secretName") for v in volumes if "secret" in v]
    mounted += [(s["secret"], "name") for s in sources if "secret" in s]
    return {part[name] for part, name in mounted if not part.get("optional")}


def settled(workload: Stored) -> Json:
    """The status of a workload all of whose pods are ready."""
    count = workload.manifest["spec"]["replicas"]
    numbers = ("replicas", "updatedReplicas", "readyReplicas", "availableReplicas")
    status = {"observedGeneration": workload.manifest["metadata"]["generation"]}
    status |= dict.fromkeys(numbers, count)
    if workload.manifest["kind"] == "StatefulSet":
        return status | {"currentRevision": "r", "updateRevision": "r", "currentReplicas": count}
    conditions = [
        _condition("Available", "True", "MinimumReplicasAvailable"),
        _condition("Progressing", "True", "NewReplicaSetAvailable"),
    ]
    return status | {"conditions": conditions}


def stuck(workload: Stored) -> Json:
    """The status of a Deployment whose new pods do not start; the old ones go on."""
    before = workload.manifest.get("status", {})
    available = before.get("availableReplicas", 0)
    return {
        "observedGeneration": workload.manifest["metadata"]["generation"],
        "replicas": workload.manifest["spec"]["replicas"] + available,
        "updatedReplicas": workload.manifest["spec"]["replicas"],
        "readyReplicas": available,
        "availableReplicas": available,
        "unavailableReplicas": workload.manifest["spec"]["replicas"],
        "conditions": [
            _condition("Available", "True" if available else "False", "MinimumReplicas"),
            _condition("Progressing", "False", "ProgressDeadlineExceeded"),
        ],
    }


def _condition(kind: str, status: str, reason: str) -> Json:
    """A condition of a Deployment."""
    return {"type": kind, "status": status, "reason": reason, "lastTransitionTime": stamp()}


def _is_unobserved(workload: Stored) -> bool:
    """Whether the status is about an older generation, or about none."""
    status = workload.manifest.get("status", {})
    seen = status.get("observedGeneration", 0)
    return bool(seen != workload.manifest["metadata"]["generation"])


def _owner_uids(stored: Stored) -> set[str]:
    """Uids of an object's owners."""
    return {o["uid"] for o in stored.manifest["metadata"].get("ownerReferences", [])}
