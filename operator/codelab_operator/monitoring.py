"""ServiceMonitors of the Prometheus operator, where the cluster knows them. Pure."""

from codelab_operator.children import Agent, Child, Offering
from codelab_operator.components import Component
from codelab_operator.intents import Draft, child, selector


def monitor(agent: Agent, component: Component, offering: Offering) -> tuple[Child, ...]:
    """The monitor of one Service; its port is the one that probes use too."""
    wanted = agent.spec.monitoring
    if wanted.service_monitor == "Disabled" or not offering.service_monitors:
        return ()
    endpoint = {
        "port": "http",
        "path": "/metrics",
        "interval": wanted.interval,
        "honorLabels": False,
    }
    spec = {
        "selector": {"matchLabels": selector(agent, component.name)},
        "endpoints": [endpoint],
    }
    name = agent.child_name(component.name)
    draft = Draft(
        "ServiceMonitor", name, component.name, {"spec": spec}, labels=dict(wanted.labels or {})
    )
    return (child(agent, draft),)
