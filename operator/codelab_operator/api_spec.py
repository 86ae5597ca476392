"""The specification of a `CodelabAgent`. Pure."""

from typing import Annotated, Literal

from pydantic import Field

from codelab_operator.api_component import ComponentSpec
from codelab_operator.api_config import RUNTIME_CONFIG, RuntimeConfig
from codelab_operator.api_gateway import GatewaySpec
from codelab_operator.api_group import RELEASE
from codelab_operator.api_llmproxy import LLMProxySpec
from codelab_operator.api_redis import ManagedRedis, RedisSpec
from codelab_operator.api_shapes import ObjectName, Shape, map_list
from codelab_operator.api_surroundings import Exposure, Monitoring, NetworkPolicySpec, Rollout

Version = Annotated[
    str, Field(max_length=64, pattern=r"^[0-9]+\.[0-9]+\.[0-9]+(-[0-9A-Za-z.-]+)?$")
]


class PullSecret(Shape):
    """A Secret with credentials of a registry."""

    name: ObjectName
    """Name of the Secret."""


class Images(Shape):
    """Where images come from: `[registry/]codelab/<component>:<version>`."""

    registry: Annotated[str, Field(max_length=256, pattern=r"^[^\s]*$")] = ""
    """Registry, with a path where it has one; empty: the node's default."""
    pull_policy: Literal["IfNotPresent", "Always", "Never"] = "IfNotPresent"
    """When nodes fetch an image."""
    pull_secrets: (
        Annotated[list[PullSecret], Field(max_length=8, json_schema_extra=map_list("name"))] | None
    ) = None
    """Credentials for the registry."""


class RuntimeSpec(ComponentSpec):
    """The runtime: sessions and turns."""

    config: RuntimeConfig = RUNTIME_CONFIG()
    """Settings of the service; absent ones keep the service's own defaults."""


class InternalAuth(Shape):
    """The token between the services."""

    secret_name: ObjectName | None = None
    """Secret of your own with key `tokens`; absent: one is made."""
    rotation: Annotated[str, Field(max_length=64)] = ""
    """Any text; when it changes, our token is replaced without an interruption."""


class Spec(Shape):
    """What an agent should be."""

    version: Version = RELEASE
    """Version of gateway, runtime and LLM proxy; an agent keeps the one it was made with."""
    paused: bool = False
    """Leave all objects as they are; the status is kept up."""
    images: Images = Images()
    """Where images come from."""
    gateway: GatewaySpec = GatewaySpec()
    """The gateway: client connections."""
    runtime: RuntimeSpec = RuntimeSpec()
    """The runtime: sessions and turns."""
    llmproxy: LLMProxySpec = LLMProxySpec()
    """The LLM proxy: providers and inferences."""
    redis: RedisSpec = RedisSpec(managed=ManagedRedis())
    """The store of sessions."""
    internal_auth: InternalAuth = InternalAuth()
    """The token between the services."""
    exposure: Exposure = Exposure()
    """How clients reach the gateway."""
    network_policy: NetworkPolicySpec = NetworkPolicySpec()
    """Who may talk to the pods, and where they may connect to."""
    monitoring: Monitoring = Monitoring()
    """ServiceMonitors of the Prometheus operator."""
    rollout: Rollout = Rollout()
    """How Deployments change."""
