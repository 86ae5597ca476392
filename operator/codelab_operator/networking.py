"""Who may talk to whom: one policy per component, both directions closed but for these. Pure."""

from collections.abc import Iterable
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from codelab_operator.api_group import PORTS
from codelab_operator.api_redis import ExternalRedis
from codelab_operator.children import Agent, Child, Offering
from codelab_operator.intents import Draft, child, selector

NAMESPACE_LABEL: Final = "kubernetes.io/metadata.name"
OPERATOR_LABELS: Final = {"app.kubernetes.io/name": "codelab-operator"}
METRICS_FROM: Final = [{"namespaceSelector": {"matchLabels": {NAMESPACE_LABEL: "monitoring"}}}]
HTTPS: Final = 443
DNS: Final = 53
SENTINEL_PORT: Final = 26379
DEFAULT_PORTS: Final = {"https": HTTPS, "http": 80, "redis": 6379, "rediss": 6379}

Rule = dict[str, Any]
Peers = list[dict[str, Any]]


def policies(agent: Agent, offering: Offering) -> tuple[Child, ...]:
    """All policies of an agent, where they are wanted."""
    if not agent.spec.network_policy.enabled:
        return ()
    made = [
        _policy(agent, "gateway", _into_gateway(agent), _out_of_gateway(agent)),
        _policy(agent, "runtime", _into_runtime(agent, offering), _out_of_runtime(agent)),
        _policy(agent, "llmproxy", _into_llmproxy(agent, offering), _out_of_llmproxy(agent)),
    ]
    if agent.spec.redis.managed:
        callers = [_pods(agent, "runtime"), _pods(agent, "llmproxy")]
        made.append(_policy(agent, "redis", [_rule("from", callers, [PORTS["redis"]])], []))
    return tuple(made)


def _policy(
    agent: Agent,
    component: Literal["gateway", "runtime", "llmproxy", "redis"],
    ingress: list[Rule],
    egress: list[Rule],
) -> Child:
    """A policy that names both directions: what no rule allows is refused."""
    out = {"egress": [_dns(), *egress]} if egress else {}
    body = {
        "spec": {
            "podSelector": {"matchLabels": selector(agent, component)},
            "policyTypes": ["Ingress", "Egress"],
            "ingress": ingress,
            **out,
        }
    }
    return child(agent, Draft("NetworkPolicy", agent.child_name(component), component, body))


def _into_gateway(agent: Agent) -> list[Rule]:
    """Clients, and whoever reads metrics."""
    port = [PORTS["gateway"]]
    return [_rule("from", _clients(agent), port), _rule("from", _scrapers(agent), port)]


def _into_runtime(agent: Agent, offering: Offering) -> list[Rule]:
    """The gateway, whoever reads metrics, and the operator, which asks for health."""
    peers = [_pods(agent, "gateway"), *_scrapers(agent), *_operator(offering)]
    return [_rule("from", peers, [PORTS["runtime"]])]


def _into_llmproxy(agent: Agent, offering: Offering) -> list[Rule]:
    """The runtime and the like; outside tools where they have keys."""
    peers = [_pods(agent, "runtime"), *_scrapers(agent), *_operator(offering)]
    port = [PORTS["llmproxy"]]
    rules = [_rule("from", peers, port)]
    if agent.spec.llmproxy.client_keys_secret_name:
        rules.append(_rule("from", _clients(agent), port))
    return rules


def _out_of_gateway(agent: Agent) -> list[Rule]:
    """The runtime, and whoever publishes the keys of signed tokens."""
    rules = [_rule("to", [_pods(agent, "runtime")], [PORTS["runtime"]])]
    jwt = agent.spec.gateway.auth.jwt
    if jwt and jwt.jwks_url:
        rules.append(_rule("to", [], [_port(jwt.jwks_url)]))
    return rules


def _out_of_runtime(agent: Agent) -> list[Rule]:
    """The LLM proxy and the store."""
    return [_rule("to", [_pods(agent, "llmproxy")], [PORTS["llmproxy"]]), _to_store(agent)]


def _out_of_llmproxy(agent: Agent) -> list[Rule]:
    """The store and the providers."""
    spec, providers = agent.spec.network_policy, agent.spec.llmproxy.providers
    networks = [{"ipBlock": {"cidr": cidr}} for cidr in spec.provider_cidrs]
    ports = [_port(provider.base_url) for provider in providers if provider.base_url]
    rules = [_to_store(agent)]
    if networks:
        rules.append(_rule("to", networks, [HTTPS, *ports]))
    inside = [_port(p.base_url) for p in providers if p.base_url and p.allow_private]
    if inside:  # some networks do not count pods of the cluster as part of any address range
        rules.append(_rule("to", [{"namespaceSelector": {}}], inside))
    return rules


def _to_store(agent: Agent) -> Rule:
    """Our own store by its pod; one of somebody else by its ports, wherever it is."""
    external = agent.spec.redis.external
    if external is None:
        return _rule("to", [_pods(agent, "redis")], [PORTS["redis"]])
    return _rule("to", [], _store_ports(external))


def _store_ports(external: ExternalRedis) -> Iterable[int]:
    """Ports of a store; Sentinels and nodes of a cluster name others, on the usual port."""
    redis = PORTS["redis"]
    if external.sentinel:
        named = [_address_port(a, SENTINEL_PORT) for a in external.sentinel.addresses]
        return [*named, redis]
    if external.cluster:
        return [*(_address_port(a, redis) for a in external.cluster.addresses), redis]
    return [_port(external.url or "")]


def _clients(agent: Agent) -> Peers:
    """Who may be a client: no peer at all means anybody."""
    return list(agent.spec.network_policy.gateway_from or ())


def _scrapers(agent: Agent) -> Peers:
    """Who reads metrics."""
    return list(agent.spec.network_policy.metrics_from or METRICS_FROM)


def _operator(offering: Offering) -> Peers:
    """The operator, where it runs inside a cluster."""
    if not offering.operator_namespace:
        return []
    namespace = {"matchLabels": {NAMESPACE_LABEL: offering.operator_namespace}}
    return [{"namespaceSelector": namespace, "podSelector": {"matchLabels": OPERATOR_LABELS}}]


def _pods(agent: Agent, component: str) -> dict[str, Any]:
    """The pods of a component of the same agent."""
    return {"podSelector": {"matchLabels": selector(agent, component)}}


def _dns() -> Rule:
    """Names are looked up anywhere: the cluster's resolver may be on the node itself."""
    return {"ports": [{"port": DNS, "protocol": protocol} for protocol in ("UDP", "TCP")]}


def _rule(direction: Literal["from", "to"], peers: Peers, ports: Iterable[int]) -> Rule:
    """Traffic with these peers, or with anybody, on these TCP ports."""
    numbers = [{"port": port, "protocol": "TCP"} for port in sorted(set(ports))]
    return {"ports": numbers} | ({direction: peers} if peers else {})


def _port(url: str) -> int:
    """The port of a URL; one that no address can have counts as none."""
    parts = urlsplit(url)
    try:
        given = parts.port
    except ValueError:
        given = None
    return given or DEFAULT_PORTS.get(parts.scheme, HTTPS)


def _address_port(address: str, default: int) -> int:
    """The port of `host:port`, `host` or `[v6]:port`."""
    _, colon, port = address.removeprefix("[").rpartition(":")
    return int(port) if colon and port.isdigit() and address[-1] != "]" else default
