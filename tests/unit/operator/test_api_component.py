from typing import Any

import pytest
from pydantic import ValidationError

from codelab_operator.api_component import Amounts, ComponentSpec, DisruptionBudget, Scheduling


def test_a_component_says_nothing_about_its_number_of_pods() -> None:
    spec = ComponentSpec()

    assert (spec.replicas, spec.autoscaling, spec.image) == (None, None, None)
    assert (spec.drain_seconds, spec.disruption_budget) == (25, DisruptionBudget())
    assert (spec.resources.requests, spec.scheduling) == (Amounts(), Scheduling())


def test_autoscaling_needs_an_upper_end_only() -> None:
    spec = ComponentSpec.model_validate({"autoscaling": {"maxReplicas": 4}})

    assert spec.autoscaling is not None
    assert (spec.autoscaling.min_replicas, spec.autoscaling.target_cpu_percent) == (2, 70)


@pytest.mark.parametrize(
    "spec",
    [
        {"drainSeconds": 3601},
        {"env": [{"name": "1A"}]},
        {"env": [{"name": "A", "value": "x" * 4097}]},
        {"env": [{"name": f"A{n}"} for n in range(33)]},
        {"podLabels": {"a": "b c"}},
        {"podLabels": {f"a{n}": "" for n in range(33)}},
        {"autoscaling": {"maxReplicas": 2, "targetCpuPercent": 96}},
        {"scheduling": {"tolerations": [{}] * 17}},
        {"scheduling": {"tolerations": ["x"]}},
    ],
    ids=lambda spec: str(spec)[:40],
)
def test_bounds_of_a_component_hold(spec: Any) -> None:
    with pytest.raises(ValidationError):
        ComponentSpec.model_validate(spec)
