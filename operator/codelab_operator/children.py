"""What an agent consists of: wanted objects, what is there, and what the cluster offers. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple, Protocol

from codelab_operator.api_group import HASH_ANNOTATION
from codelab_operator.api_spec import Spec

Manifest = Mapping[str, Any]
"""A Kubernetes object as the API has it."""


class ObjectKey(NamedTuple):
    """One object of a namespace; kinds of one name in several groups are told by the version."""

    api_version: str
    kind: str
    namespace: str
    name: str


def key_of(manifest: Manifest) -> ObjectKey:
    """The key of an object."""
    metadata = manifest["metadata"]
    return ObjectKey(
        manifest["apiVersion"], manifest["kind"], metadata["namespace"], metadata["name"]
    )


class Wanted(Protocol):
    """A wanted object, as far as a status speaks of it."""

    @property
    def key(self) -> ObjectKey: ...

    @property
    def hash(self) -> str: ...

    @property
    def component(self) -> str: ...


class Outline(NamedTuple):
    """A `Wanted` without its manifest."""

    key: ObjectKey
    hash: str
    component: str


@dataclass(frozen=True, slots=True)
class Agent:
    """A `CodelabAgent` whose specification was understood."""

    namespace: str
    name: str
    uid: str
    generation: int
    spec: Spec

    def child_name(self, suffix: str = "") -> str:
        """`<agent>` or `<agent>-<suffix>`."""
        return f"{self.name}-{suffix}" if suffix else self.name


@dataclass(frozen=True, slots=True)
class Offering:
    """Optional kinds that the cluster serves, and switches of the operator's own environment."""

    service_monitors: bool = False
    http_routes: bool = False
    operator_namespace: str = ""
    """Where the operator runs: its probes pass the network policies."""
    is_development: bool = False
    """`CODELAB_DEV`: writable root, short drain."""

    def lacks(self, agent: Agent) -> bool:
        """Whether the agent has a use for a kind that is not served."""
        has_monitors = agent.spec.monitoring.service_monitor != "Disabled"
        has_routes = agent.spec.exposure.http_route is not None
        return (has_monitors and not self.service_monitors) or (has_routes and not self.http_routes)


@dataclass(frozen=True, slots=True)
class Child:
    """One wanted object: the whole intent, with its hash annotation.

    `apply` sends the intent by server-side apply; `create` posts it where it is missing and leaves
    it alone afterwards. `secret` names what to fill a Secret with at its creation: values that no
    pure function can make up.
    """

    manifest: Manifest
    component: Literal["shared", "gateway", "runtime", "llmproxy", "redis"]
    write: Literal["apply", "create"] = "apply"
    secret: Literal["", "internal", "client"] = ""

    @property
    def key(self) -> ObjectKey:
        """Which object it is."""
        return key_of(self.manifest)

    @property
    def hash(self) -> str:
        """First 16 hex digits of the SHA-256 of the canonical intent."""
        return str(self.manifest["metadata"]["annotations"][HASH_ANNOTATION])
