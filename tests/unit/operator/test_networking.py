"""Tests of the network policies: who reaches whom, pod by pod and port by port."""

from typing import Any

import pytest

from codelab_operator.api_spec import Spec
from codelab_operator.children import Agent, Offering
from codelab_operator.intents import selector
from codelab_operator.networking import policies
from fakes.network_policies import Endpoint, allowed

PORTS = {"gateway": 8000, "runtime": 8001, "llmproxy": 8002, "redis": 6379}
OFFERING = Offering(operator_namespace="operators")
OPERATOR = Endpoint("operators", {"app.kubernetes.io/name": "codelab-operator"})
PROMETHEUS = Endpoint("monitoring", {"app": "prometheus"})
STRANGER = Endpoint("elsewhere", {"app": "shell"})
NEIGHBOUR = Endpoint("team", {"app": "shell"})
INTERNET = Endpoint("", address="203.0.113.7")
INTERNET_6 = Endpoint("", address="2001:db8::7")
RESOLVER = Endpoint("kube-system", {"k8s-app": "kube-dns"})
OLLAMA = Endpoint("models", {"app": "ollama"})


def agent(name: str = "demo", **spec: Any) -> Agent:
    """An agent in the namespace `team`."""
    return Agent("team", name, "uid", 1, Spec.model_validate(spec))


def rules(wanted: Agent) -> list[Any]:
    """Its policies."""
    return [child.manifest for child in policies(wanted, OFFERING)]


def pod(component: str, name: str = "demo") -> Endpoint:
    """A pod of a component."""
    return Endpoint("team", selector(agent(name), component))


SOURCES = {
    **{component: pod(component) for component in PORTS},
    **{f"other {component}": pod(component, "other") for component in PORTS},
    "operator": OPERATOR,
    "prometheus": PROMETHEUS,
    "stranger": STRANGER,
    "neighbour": NEIGHBOUR,
    "internet": INTERNET,
}
REACHED = {
    "gateway": set(SOURCES) - {f"{p}{c}" for p in ("", "other ") for c in PORTS},
    "runtime": {"gateway", "operator", "prometheus"},
    "llmproxy": {"runtime", "operator", "prometheus"},
    "redis": {"runtime", "llmproxy"},
}
"""Who reaches each component's port by default. Pods of agents leave for what they need only."""


@pytest.mark.parametrize("target", PORTS)
@pytest.mark.parametrize("port", [*PORTS.values(), 22, 443])
def test_the_matrix_of_pods_and_ports(target: str, port: int) -> None:
    found = {
        name
        for name, source in SOURCES.items()
        if allowed([*rules(agent()), *rules(agent("other"))], source, pod(target), port)
    }

    assert found == (REACHED[target] if port == PORTS[target] else set())


@pytest.mark.parametrize("component", ["gateway", "runtime", "llmproxy"])
@pytest.mark.parametrize("protocol", ["TCP", "UDP"])
def test_names_are_looked_up_by_all_but_the_store(component: str, protocol: str) -> None:
    assert allowed(rules(agent()), pod(component), RESOLVER, 53, protocol)
    assert not allowed(rules(agent()), pod("redis"), RESOLVER, 53, protocol)


@pytest.mark.parametrize("internet", [INTERNET, INTERNET_6])
def test_only_the_proxy_goes_out_and_by_https(internet: Endpoint) -> None:
    out = {
        (component, port)
        for component in PORTS
        for port in (80, 443, 6379)
        if allowed(rules(agent()), pod(component), internet, port)
    }

    assert out == {("llmproxy", 443)}


def test_clients_and_scrapers_are_who_the_specification_says() -> None:
    inside = [{"namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": "elsewhere"}}}]
    shell = [{"podSelector": {"matchLabels": {"app": "shell"}}}]
    policy = {"gatewayFrom": inside, "metricsFrom": shell}
    found = rules(agent(networkPolicy=policy))

    reached = {
        (name, target)
        for name, source in SOURCES.items()
        for target in ("gateway", "runtime", "llmproxy")
        if name not in PORTS and allowed(found, source, pod(target), PORTS[target])
    }

    assert reached == {
        ("stranger", "gateway"),
        ("neighbour", "gateway"),
        ("neighbour", "runtime"),
        ("neighbour", "llmproxy"),
        ("operator", "runtime"),
        ("operator", "llmproxy"),
    }


def test_outside_tools_reach_the_proxy_once_they_have_keys() -> None:
    found = rules(agent(llmproxy={"clientKeysSecretName": "keys"}))

    assert allowed(found, STRANGER, pod("llmproxy"), 8002)
    assert not allowed(found, STRANGER, pod("runtime"), 8001)


def test_an_operator_outside_of_the_cluster_has_no_rule() -> None:
    found = [child.manifest for child in policies(agent(), Offering())]

    assert not allowed(found, OPERATOR, pod("runtime"), 8001)


def test_providers_are_reached_on_their_ports_in_their_networks() -> None:
    provider = {"name": "local", "kind": "ollama", "baseUrl": "http://ollama.models:11434"}
    networks = {"providerCidrs": ["192.0.2.0/24"]}
    found = rules(
        agent(llmproxy={"providers": [{**provider, "allowPrivate": True}]}, networkPolicy=networks)
    )
    here = Endpoint("", address="192.0.2.1")

    assert allowed(found, pod("llmproxy"), OLLAMA, 11434)
    assert allowed(found, pod("llmproxy"), here, 11434)
    assert allowed(found, pod("llmproxy"), here, 443)
    assert not allowed(found, pod("llmproxy"), INTERNET, 11434)
    assert not allowed(found, pod("llmproxy"), INTERNET, 443)
    assert not allowed(found, pod("llmproxy"), OLLAMA, 443)


def test_no_network_for_providers_leaves_only_the_store() -> None:
    found = rules(agent(networkPolicy={"providerCidrs": []}))

    assert not allowed(found, pod("llmproxy"), INTERNET, 443)
    assert allowed(found, pod("llmproxy"), pod("redis"), 6379)


def test_keys_of_signed_tokens_are_fetched_on_the_port_of_their_url() -> None:
    jwt = {"issuer": "https://id", "audience": "a", "jwksUrl": "https://id.example.com:8443/k"}
    found = rules(agent(gateway={"auth": {"modes": ["jwt"], "jwt": jwt}}))

    assert allowed(found, pod("gateway"), INTERNET, 8443)
    assert not allowed(found, pod("gateway"), INTERNET, 443)


@pytest.mark.parametrize(
    ("external", "ports"),
    [
        ({"url": "redis://r"}, {6379}),
        ({"url": "rediss://r:6380/2"}, {6380}),
        ({"url": "redis://r:99999"}, {6379}),
        ({"sentinel": {"masterName": "m", "addresses": ["a:26380", "b"]}}, {6379, 26379, 26380}),
        ({"cluster": {"addresses": ["a:7000", "[fd00::1]:7001", "[fd00::2]"]}}, {6379, 7000, 7001}),
    ],
    ids=["url", "port", "no-such-port", "sentinel", "cluster"],
)
def test_a_store_of_somebody_else_is_reached_on_its_ports(
    external: dict[str, Any], ports: set[int]
) -> None:
    found = rules(agent(redis={"external": external}))
    tried = {443, 6379, 6380, 7000, 7001, 26379, 26380}

    assert {p for p in tried if allowed(found, pod("runtime"), INTERNET, p)} == ports
    assert len(found) == 3


def test_without_policies_nothing_is_restricted() -> None:
    assert rules(agent(networkPolicy={"enabled": False})) == []
