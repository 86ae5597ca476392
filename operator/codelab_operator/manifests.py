"""`desired`: every object that an agent consists of. Pure."""

from collections.abc import Iterator

from codelab_operator.builders import deployment, service, service_account, unready_runtime
from codelab_operator.children import Agent, Child, Offering
from codelab_operator.components import Component, components
from codelab_operator.exposure import http_route, ingress
from codelab_operator.llm_file import config_map
from codelab_operator.monitoring import monitor
from codelab_operator.networking import policies
from codelab_operator.redis_server import redis
from codelab_operator.scaling import autoscaler, disruption_budget
from codelab_operator.secrets import secrets


def desired(agent: Agent, offering: Offering) -> tuple[Child, ...]:
    """Every child, in an order in which pods find what they mount.

    The same agent has the same children, whatever order its fields came in. `offering` decides
    about optional kinds and policies, and about pods only through `is_development`.
    """
    return (
        service_account(agent),
        *secrets(agent),
        *config_map(agent),
        *policies(agent, offering),
        *redis(agent),
        *unready_runtime(agent),
        *(
            made
            for component in components(agent, offering)
            for made in _of_component(agent, component, offering)
        ),
        *ingress(agent),
        *http_route(agent, offering),
    )


def _of_component(agent: Agent, component: Component, offering: Offering) -> Iterator[Child]:
    """What each component has."""
    yield service(agent, component)
    yield deployment(agent, component)
    yield from disruption_budget(agent, component)
    yield from autoscaler(agent, component)
    yield from monitor(agent, component, offering)
