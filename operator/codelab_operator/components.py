"""What differs between gateway, runtime and LLM proxy: the rest is the same for all. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from codelab_operator import environment, mounts
from codelab_operator.api_component import ComponentSpec
from codelab_operator.api_group import PORTS
from codelab_operator.children import Agent, Offering
from codelab_operator.llm_file import config_map_name


@dataclass(frozen=True, slots=True)
class Component:
    """One Deployment."""

    name: Literal["gateway", "runtime", "llmproxy"]
    spec: ComponentSpec
    env: Mapping[str, str]
    mounts: tuple[mounts.Mount, ...]
    grace_seconds: int
    """Time from the order to stop until the pod is killed."""
    is_writable: bool
    """The root file system may be written: development only."""

    @property
    def port(self) -> int:
        """Where it listens; metrics and probes are there too."""
        return PORTS[self.name]


GRACE_AFTER_DRAIN_S = 15
"""preStop and the end of connections come on top of the drain."""


def components(agent: Agent, offering: Offering) -> tuple[Component, ...]:
    """The three components, in the order in which a request passes them."""
    return (gateway(agent, offering), runtime(agent, offering), llmproxy(agent, offering))


def gateway(agent: Agent, offering: Offering) -> Component:
    """Client connections: sees client credentials, and neither store nor provider keys."""
    spec = agent.spec.gateway
    files = (*mounts.internal_tokens(agent), *mounts.client_credentials(agent))
    return Component(
        "gateway",
        spec,
        environment.gateway_env(agent, offering),
        files,
        environment.drain_seconds(spec, offering) + GRACE_AFTER_DRAIN_S,
        offering.is_development,
    )


def runtime(agent: Agent, offering: Offering) -> Component:
    """Sessions and turns: sees the store."""
    spec = agent.spec.runtime
    files = (*mounts.internal_tokens(agent), *mounts.store_credentials(agent, "runtime"))
    return Component(
        "runtime",
        spec,
        environment.runtime_env(agent, offering),
        files,
        environment.drain_seconds(spec, offering) + GRACE_AFTER_DRAIN_S,
        offering.is_development,
    )


def llmproxy(agent: Agent, offering: Offering) -> Component:
    """Providers: the only one that sees their keys."""
    spec = agent.spec.llmproxy
    files = (
        *mounts.internal_tokens(agent),
        *mounts.store_credentials(agent, "llmproxy"),
        *mounts.provider_keys(agent),
        *mounts.proxy_files(agent, config_map_name(agent)),
    )
    return Component(
        "llmproxy",
        spec,
        environment.llmproxy_env(agent, offering),
        files,
        environment.drain_seconds(spec, offering) + GRACE_AFTER_DRAIN_S,
        offering.is_development,
    )
