"""Tests of how many pods there are, and of who says so."""

from typing import Any

import pytest

from codelab_operator.api_group import REPLICAS_ANNOTATION
from fakes.agents import children_of


@pytest.mark.parametrize(
    ("spec", "budget"),
    [
        ({}, None),
        ({"replicas": 1}, None),
        ({"replicas": 2}, 1),
        ({"autoscaling": {"maxReplicas": 3}}, 1),
        ({"autoscaling": {"minReplicas": 1, "maxReplicas": 3}}, None),
        ({"replicas": 4, "disruptionBudget": {"maxUnavailable": "50%"}}, "50%"),
    ],
    ids=["absent", "one", "two", "autoscaled", "autoscaled-from-one", "percent"],
)
def test_there_is_a_budget_from_two_pods_on(spec: dict[str, Any], budget: int | str | None) -> None:
    """kagent-dev/kagent#2392: a budget over a single pod keeps its node from being emptied."""
    made = children_of("PodDisruptionBudget", runtime=spec)

    assert {name: child["spec"]["maxUnavailable"] for name, child in made.items()} == (
        {} if budget is None else {"runtime": budget}
    )
    assert all(c["spec"]["unhealthyPodEvictionPolicy"] == "AlwaysAllow" for c in made.values())


@pytest.mark.parametrize(
    ("spec", "replicas"),
    [({}, None), ({"replicas": 3}, 3), ({"autoscaling": {"maxReplicas": 3}}, None)],
    ids=["absent", "given", "autoscaled"],
)
def test_the_number_of_pods_is_ours_only_where_the_specification_says_it(
    spec: dict[str, Any], replicas: int | None
) -> None:
    """kserve/kserve#2521: an operator that always says it undoes every autoscaler."""
    deployment = children_of("Deployment", runtime=spec)["runtime"]

    assert deployment["spec"].get("replicas") == replicas
    annotation = deployment["metadata"]["annotations"].get(REPLICAS_ANNOTATION)
    assert annotation == (None if replicas is None else str(replicas))


def test_scaling_rolls_no_pod() -> None:
    templates = [
        children_of("Deployment", llmproxy={"replicas": replicas})["llmproxy"]["spec"]["template"]
        for replicas in (1, 3, 4)
    ]

    assert templates[0] == templates[1] == templates[2]


def test_an_autoscaler_aims_at_the_use_of_the_processor() -> None:
    wanted = {"minReplicas": 2, "maxReplicas": 6, "targetCpuPercent": 80}

    made = children_of("HorizontalPodAutoscaler", gateway={"autoscaling": wanted})

    assert made["gateway"]["spec"] == {
        "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": "demo-gateway"},
        "minReplicas": 2,
        "maxReplicas": 6,
        "metrics": [
            {
                "type": "Resource",
                "resource": {
                    "name": "cpu",
                    "target": {"type": "Utilization", "averageUtilization": 80},
                },
            }
        ],
    }
