"""Children of an agent as a cluster would show them, for tests of pure decisions."""

import json
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any

from codelab_operator.api_spec import Spec
from codelab_operator.children import Agent, Child, Manifest, ObjectKey, Offering
from codelab_operator.manifests import desired

UID = "5f0c1e1e-0000-4000-8000-000000000001"
OFFERING = Offering(service_monitors=True)


def agent(generation: int = 1, **spec: Any) -> Agent:
    """The agent `demo` in the namespace `team`."""
    return Agent("team", "demo", UID, generation, Spec.model_validate(spec))


def wanted(one: Agent, offering: Offering = OFFERING) -> dict[str, Child]:
    """Children by `Kind/suffix of the name`, such as `Deployment/gateway`."""
    return dict(_rendered(one.generation, one.spec.model_dump_json(by_alias=True), offering))


@lru_cache
def _rendered(generation: int, spec: str, offering: Offering) -> dict[str, Child]:
    """Rendering is not what these tests are about: once for each specification."""
    one = Agent("team", "demo", UID, generation, Spec.model_validate_json(spec))
    return {label(child.key): child for child in desired(one, offering)}


def label(key: ObjectKey) -> str:
    """`Kind/suffix`; without a suffix the kind alone."""
    return f"{key.kind}/{key.name.removeprefix('demo').removeprefix('-')}".rstrip("/")


def live(child: Child, **status: Any) -> dict[str, Any]:
    """A child as the API server stores it, with all its pods available."""
    manifest: dict[str, Any] = json.loads(json.dumps(child.manifest))
    manifest["metadata"] |= {"uid": f"uid-of-{child.key.name}", "generation": 4}
    if child.key.kind in {"Deployment", "StatefulSet"}:
        pods = manifest["spec"].setdefault("replicas", 1)
        numbers = ("replicas", "updatedReplicas", "availableReplicas")
        manifest["status"] = {"observedGeneration": 4, **dict.fromkeys(numbers, pods)} | status
    return manifest


def observed(children: Iterable[Child]) -> dict[ObjectKey, Manifest]:
    """What the indexes hold when everything is as wanted; Secrets are never among it."""
    return {child.key: live(child) for child in children if child.key.kind != "Secret"}


def changed(manifest: Manifest, path: str, value: Any) -> dict[str, Any]:
    """A copy with one field set; names of the path are parted by a space, `None` removes."""
    made: dict[str, Any] = json.loads(json.dumps(manifest))
    *parents, last = path.split(" ")
    place: Any = made
    for name in parents:
        place = place[int(name)] if isinstance(place, list) else place[name]
    if value is None:
        del place[last]
    else:
        place[last] = value
    return made


def replaced(
    objects: Mapping[ObjectKey, Manifest], key: ObjectKey, path: str, value: Any
) -> dict[ObjectKey, Manifest]:
    """The same objects, one of them with one field set."""
    return {**objects, key: changed(objects[key], path, value)}
