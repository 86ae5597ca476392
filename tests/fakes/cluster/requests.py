"""What a request asks for: path, verb and options of the Kubernetes API; the log's entries."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from fakes.cluster.watching import View
from fakes.cluster.writes import Write

WRITES: Final = frozenset({"create", "update", "patch", "apply", "delete"})
APPLY_TYPE: Final = "application/apply-patch+yaml"


@dataclass(frozen=True, slots=True)
class Target:
    """The object or collection that a path names."""

    group_version: str
    plural: str
    namespace: str = ""
    name: str = ""
    subresource: str = ""


@dataclass(frozen=True, slots=True)
class Call:
    """One request, whatever brought it."""

    verb: str
    target: Target
    query: Mapping[str, str]
    body: Any
    agent: str = ""
    """The `User-Agent`."""


@dataclass(frozen=True, slots=True)
class Logged:
    """One answered request; `status` 0: the connection was cut."""

    verb: str
    kind: str
    namespace: str
    name: str
    subresource: str
    manager: str = ""
    agent: str = ""
    """The `User-Agent`: tells clients apart."""
    status: int = 0
    is_dry_run: bool = False

    @property
    def is_write(self) -> bool:
        """Whether it was meant to change something."""
        return self.verb in WRITES


def target_of(path: str) -> Target | None:
    """Read `/api/v1/…` or `/apis/<group>/<version>/…`; None for any other path."""
    parts = path.strip("/").split("/")
    if parts[0] == "api" and len(parts) > 2:
        version, rest = parts[1], parts[2:]
    elif parts[0] == "apis" and len(parts) > 3:
        version, rest = "/".join(parts[1:3]), parts[3:]
    else:
        return None
    namespace = ""
    if rest[0] == "namespaces" and len(rest) > 2:
        namespace, rest = rest[1], rest[2:]
    plural, name, subresource = (*rest, "", "")[:3]
    return Target(version, plural, namespace, name, subresource)


def verb_of(method: str, target: Target, query: Mapping[str, str], content_type: str) -> str:
    """The verb as the API's authorization has it; `apply` apart from `patch`."""
    if method == "GET":
        if target.name:
            return "get"
        return "watch" if query.get("watch") in {"true", "1"} else "list"
    if method == "PATCH":
        return "apply" if content_type.startswith(APPLY_TYPE) else "patch"
    return {"POST": "create", "PUT": "update", "DELETE": "delete"}[method]


def write_of(target: Target, query: Mapping[str, str]) -> Write:
    """Options of a write."""
    return Write(
        target.namespace,
        target.name,
        query.get("fieldManager", "unknown"),
        target.subresource,
        force=query.get("force") == "true",
        dry_run="dryRun" in query,
    )


def view_of(target: Target, query: Mapping[str, str]) -> View:
    """What a list or watch selects."""
    return View(target.namespace, query.get("labelSelector", ""), query.get("fieldSelector", ""))
