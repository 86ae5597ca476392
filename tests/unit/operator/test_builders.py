"""Tests of Deployments, Services and the account."""

from typing import Any

import pytest

from codelab_operator.builders import unready_runtime
from codelab_operator.intents import selector
from fakes.agents import agent_of, children_of


def test_only_the_runtime_shows_the_addresses_of_its_pods() -> None:
    services = children_of("Service")

    addresses = {name: service["spec"].get("clusterIP") for name, service in services.items()}

    assert addresses == {"gateway": None, "runtime": "None", "llmproxy": None, "redis": "None"}


def test_a_runtime_without_its_store_can_still_be_asked_where_the_store_is_not_ours() -> None:
    agent = agent_of(redis={"external": {"url": "redis://r"}})

    (made,) = unready_runtime(agent)

    assert unready_runtime(agent_of()) == ()
    assert made.key.name == "demo-runtime-health"
    assert made.manifest["spec"] == {
        "type": "ClusterIP",
        "clusterIP": "None",
        "publishNotReadyAddresses": True,
        "selector": selector(agent, "runtime"),
        "ports": [{"name": "health", "port": 8001, "protocol": "TCP", "targetPort": "http"}],
    }


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
