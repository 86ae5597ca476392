"""Tests of the ways from outside."""

from typing import Any

from codelab_operator.children import Offering
from codelab_operator.exposure import http_route
from fakes.agents import agent_of, children_of


def test_an_ingress_shows_the_protocol_and_nothing_else() -> None:
    """`/metrics` and `/health` never leave the cluster."""
    wanted = {"host": "agent.example.com", "className": "nginx", "tlsSecretName": "tls"}
    spec = children_of("Ingress", exposure={"ingress": wanted})["gateway"]["spec"]

    (rule,) = spec["rules"]
    paths = [(path["path"], path["pathType"]) for path in rule["http"]["paths"]]
    assert paths == [("/ws", "Prefix"), ("/api/v1", "Prefix")]
    assert rule["host"] == "agent.example.com"
    assert spec["ingressClassName"] == "nginx"
    assert spec["tls"] == [{"hosts": ["agent.example.com"], "secretName": "tls"}]


def test_an_ingress_without_certificate_is_plain() -> None:
    spec = children_of("Ingress", exposure={"ingress": {"host": "a.b"}})["gateway"]["spec"]

    assert set(spec) == {"rules"}


ROUTE: dict[str, Any] = {
    "parentRefs": [{"name": "public", "sectionName": "https"}],
    "hostnames": ["agent.example.com"],
}


def test_a_route_says_what_its_schema_would_add() -> None:
    spec = children_of("HTTPRoute", exposure={"httpRoute": ROUTE})["gateway"]["spec"]

    (rule,) = spec["rules"]
    group = "gateway.networking.k8s.io"
    assert spec["parentRefs"] == [
        {"group": group, "kind": "Gateway", "name": "public", "sectionName": "https"}
    ]
    assert [match["path"]["value"] for match in rule["matches"]] == ["/ws", "/api/v1"]
    assert rule["backendRefs"] == [
        {"group": "", "kind": "Service", "name": "demo-gateway", "port": 8000, "weight": 1}
    ]
    assert "sessionPersistence" not in rule


def test_cookie_affinity_of_a_route_is_a_hint_on_request() -> None:
    wanted = {**ROUTE, "sessionPersistence": {"type": "Cookie"}}
    spec = children_of("HTTPRoute", exposure={"httpRoute": wanted})["gateway"]["spec"]

    assert spec["rules"][0]["sessionPersistence"] == {"type": "Cookie"}


def test_a_cluster_without_the_kind_gets_no_route() -> None:
    assert http_route(agent_of(exposure={"httpRoute": ROUTE}), Offering()) == ()
