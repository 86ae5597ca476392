from typing import Any

import pytest
from pydantic import BaseModel, ValidationError

from codelab_operator.api_surroundings import (
    Exposure,
    Monitoring,
    NetworkPolicySpec,
    Rollout,
    ServiceExposure,
)


def test_an_agent_is_closed_and_watched_by_default() -> None:
    assert Exposure() == Exposure(service=ServiceExposure(), ingress=None, http_route=None)
    assert (ServiceExposure().type, ServiceExposure().session_affinity) == ("ClusterIP", "None")
    assert (NetworkPolicySpec().enabled, NetworkPolicySpec().gateway_from) == (True, None)
    assert (Monitoring().service_monitor, Monitoring().interval) == ("Auto", "30s")
    assert (Rollout().max_surge, Rollout().progress_deadline_seconds) == ("25%", 300)


def test_peers_are_kept_as_they_are() -> None:
    peer = {"namespaceSelector": {"matchLabels": {"a": "b"}}, "podSelector": {}}

    spec = NetworkPolicySpec.model_validate({"gatewayFrom": [peer]})

    assert spec.gateway_from == [peer]


@pytest.mark.parametrize(
    ("model", "spec"),
    [
        (Exposure, {"service": {"type": "ExternalName"}}),
        (Exposure, {"service": {"nodePort": 29999}}),
        (Exposure, {"service": {"sessionAffinityTimeoutSeconds": 86_401}}),
        (Exposure, {"ingress": {"host": "A.example"}}),
        (Exposure, {"httpRoute": {"parentRefs": [{}], "hostnames": []}}),
        (Exposure, {"httpRoute": {"parentRefs": [{}] * 5, "hostnames": ["a.example"]}}),
        (NetworkPolicySpec, {"gatewayFrom": []}),
        (NetworkPolicySpec, {"metricsFrom": [{}] * 17}),
        (NetworkPolicySpec, {"providerCidrs": ["10.0.0.0/8"] * 65}),
        (Monitoring, {"interval": "30"}),
        (Rollout, {"maxSurge": 0}),
        (Rollout, {"progressDeadlineSeconds": 3601}),
        (Rollout, {"minReadySeconds": 301}),
    ],
    ids=lambda value: str(value)[:60],
)
def test_bounds_of_the_surroundings_hold(model: type[BaseModel], spec: Any) -> None:
    with pytest.raises(ValidationError):
        model.model_validate(spec)
