"""Tests of Deployments, Services and the account."""

from typing import Any

import pytest

from fakes.agents import children_of


def test_only_the_runtime_shows_the_addresses_of_its_pods() -> None:
    services = children_of("Service")

    addresses = {name: service["spec"].get("clusterIP") for name, service in services.items()}

    assert addresses == {"gateway": None, "runtime": "None", "llmproxy": None, "redis": "None"}


@pytest.mark.parametrize(
    ("wanted", "said"),
    [
        ({}, {"type": "ClusterIP", "sessionAffinity": "None"}),
        (
            {"sessionAffinity": "ClientIP", "sessionAffinityTimeoutSeconds": 60},
            {
                "type": "ClusterIP",
                "sessionAffinity": "ClientIP",
                "sessionAffinityConfig": {"clientIP": {"timeoutSeconds": 60}},
            },
        ),
        (
            {"sessionAffinity": "ClientIP"},
            {"type": "ClusterIP", "sessionAffinity": "ClientIP"},
        ),
        (
            {"sessionAffinityTimeoutSeconds": 60},
            {"type": "ClusterIP", "sessionAffinity": "None"},
        ),
        ({"type": "LoadBalancer"}, {"type": "LoadBalancer", "sessionAffinity": "None"}),
    ],
    ids=["default", "client-ip", "no-timeout", "timeout-alone", "load-balancer"],
)
def test_affinity_and_type_are_those_of_the_gateways_service(
    wanted: dict[str, Any], said: dict[str, Any]
) -> None:
    spec = children_of("Service", exposure={"service": wanted})["gateway"]["spec"]

    assert {name: spec[name] for name in spec.keys() - {"selector", "ports"}} == said


def test_a_port_of_the_nodes_can_be_named() -> None:
    wanted = {"type": "NodePort", "nodePort": 30800, "annotations": {"a": "b"}}
    service = children_of("Service", exposure={"service": wanted})["gateway"]

    assert service["spec"]["ports"] == [
        {
            "name": "http",
            "port": 8000,
            "protocol": "TCP",
            "targetPort": "http",
            "appProtocol": "http",
            "nodePort": 30800,
        }
    ]
    assert service["metadata"]["annotations"]["a"] == "b"


def test_no_pod_goes_before_its_successor_is_there() -> None:
    rollout = {"maxSurge": "50%", "progressDeadlineSeconds": 60, "minReadySeconds": 5}
    spec = children_of("Deployment", rollout=rollout)["runtime"]["spec"]

    assert spec["strategy"] == {
        "type": "RollingUpdate",
        "rollingUpdate": {"maxSurge": "50%", "maxUnavailable": 0},
    }
    assert (spec["progressDeadlineSeconds"], spec["minReadySeconds"]) == (60, 5)
    assert spec["revisionHistoryLimit"] == 3


def test_a_zero_that_the_server_would_drop_is_not_sent() -> None:
    assert "minReadySeconds" not in children_of("Deployment")["runtime"]["spec"]


def test_the_account_has_no_token() -> None:
    account = children_of("ServiceAccount")["shared"]

    assert account["automountServiceAccountToken"] is False
