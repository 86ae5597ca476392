"""Where sessions are kept: a Redis of our own, or one that is there already. Pure."""

from typing import Annotated, Literal

from pydantic import Field

from codelab_operator.api_component import Placement, Resources
from codelab_operator.api_shapes import Address, Image, ObjectName, SecretKeyRef, Shape


class ManagedRedis(Shape):
    """One pod with a volume."""

    image: Image = "redis:8.0"
    """Image of the server."""
    size: Annotated[str, Field(max_length=16, pattern=r"^[0-9]+(Mi|Gi|Ti)$")] = "1Gi"
    """Size of the volume; cannot be changed."""
    storage_class_name: ObjectName | None = None
    """Class of the volume; cannot be changed."""
    when_deleted: Literal["Delete", "Retain"] = "Delete"
    """What becomes of the volume when the agent is deleted."""
    resources: Resources = Resources()
    """Processor and memory; 75 % of the memory limit is for entries."""
    scheduling: Placement = Placement()
    """Where the pod runs."""


class Sentinel(Shape):
    """A master that Sentinels know."""

    master_name: Annotated[str, Field(min_length=1, max_length=128, pattern=r"^[A-Za-z0-9._-]+$")]
    """Name of the master."""
    addresses: Annotated[list[Address], Field(min_length=1, max_length=9)]
    """Sentinels as `host:port`."""
    password_secret_ref: SecretKeyRef | None = None
    """Password of the Sentinels themselves."""


class Cluster(Shape):
    """A Redis Cluster."""

    addresses: Annotated[list[Address], Field(min_length=1, max_length=16)]
    """Some of its nodes as `host:port`."""


class Tls(Shape):
    """Encrypted connections; an empty object means the system's authorities."""

    ca_secret_ref: SecretKeyRef | None = None
    """Authorities that vouch for the server."""
    client_cert_secret_name: ObjectName | None = None
    """Secret of type `kubernetes.io/tls` with the certificate that we show."""


class ExternalRedis(Shape):
    """A server that is there already: exactly one of `url`, `sentinel`, `cluster`."""

    url: Annotated[str, Field(max_length=512, pattern=r"^rediss?://[^@/\s]+(/[0-9]+)?$")] | None = (
        None
    )
    """Address without credentials; `rediss://` for TLS."""
    sentinel: Sentinel | None = None
    """A master that Sentinels know."""
    cluster: Cluster | None = None
    """A Redis Cluster."""
    username: Annotated[str, Field(min_length=1, max_length=128)] | None = None
    """User of the server's access list."""
    password_secret_ref: SecretKeyRef | None = None
    """Password of that user."""
    tls: Tls | None = None
    """Encrypted connections."""


class RedisSpec(Shape):
    """The store: exactly one of `managed` and `external`."""

    durability: Literal["fast", "strict"] = "fast"
    """`strict`: a write tool starts only once the step before it is on disk."""
    managed: ManagedRedis | None = None
    """A server of our own."""
    external: ExternalRedis | None = None
    """A server that is there already."""
