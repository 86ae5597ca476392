"""How many pods, and how many of them may be missing at once. Pure."""

from codelab_operator.children import Agent, Child
from codelab_operator.components import Component
from codelab_operator.intents import API_VERSIONS, Draft, child, selector


def autoscaler(agent: Agent, component: Component) -> tuple[Child, ...]:
    """The autoscaler, where one is wanted."""
    wanted = component.spec.autoscaling
    if wanted is None:
        return ()
    name = agent.child_name(component.name)
    target = {"type": "Utilization", "averageUtilization": wanted.target_cpu_percent}
    body = {
        "spec": {
            "scaleTargetRef": {
                "apiVersion": API_VERSIONS["Deployment"],
                "kind": "Deployment",
                "name": name,
            },
            "minReplicas": wanted.min_replicas,
            "maxReplicas": wanted.max_replicas,
            "metrics": [{"type": "Resource", "resource": {"name": "cpu", "target": target}}],
        }
    }
    return (child(agent, Draft("HorizontalPodAutoscaler", name, component.name, body)),)


def disruption_budget(agent: Agent, component: Component) -> tuple[Child, ...]:
    """The budget, from two pods on: with one it would only stop nodes from being emptied."""
    spec = component.spec
    fewest = spec.autoscaling.min_replicas if spec.autoscaling else spec.replicas or 1
    if fewest < 2:  # noqa: PLR2004 -- one pod has no other to stand in
        return ()
    body = {
        "spec": {
            "selector": {"matchLabels": selector(agent, component.name)},
            "maxUnavailable": spec.disruption_budget.max_unavailable,
            "unhealthyPodEvictionPolicy": "AlwaysAllow",
        }
    }
    name = agent.child_name(component.name)
    return (child(agent, Draft("PodDisruptionBudget", name, component.name, body)),)
