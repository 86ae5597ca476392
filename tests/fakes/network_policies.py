"""What NetworkPolicies let through, computed: the network of a test cluster does not enforce them.

Rules as in the API's documentation: a pod that no policy selects for a direction is open in it;
else one rule of one policy must allow the traffic, on both sides.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address, ip_network
from typing import Any, Literal

Policy = Mapping[str, Any]


@dataclass(frozen=True)
class Endpoint:
    """A pod, or with an empty namespace an address outside of the cluster."""

    namespace: str
    labels: Mapping[str, str] = field(default_factory=dict)
    address: str = "10.244.0.9"


def allowed(
    policies: Sequence[Policy], source: Endpoint, target: Endpoint, port: int, protocol: str = "TCP"
) -> bool:
    """Whether a connection is let through."""
    return _leaves(policies, source, target, (port, protocol)) and _enters(
        policies, source, target, (port, protocol)
    )


def _leaves(
    policies: Sequence[Policy], source: Endpoint, target: Endpoint, port: tuple[int, str]
) -> bool:
    """Whether the source may send it."""
    return _passes(_of(policies, source, "Egress"), "egress", "to", target, port)


def _enters(
    policies: Sequence[Policy], source: Endpoint, target: Endpoint, port: tuple[int, str]
) -> bool:
    """Whether the target may receive it."""
    return _passes(_of(policies, target, "Ingress"), "ingress", "from", source, port)


def _of(policies: Iterable[Policy], pod: Endpoint, direction: str) -> list[Policy]:
    """Policies that speak of a pod in one direction."""
    return [
        policy
        for policy in policies
        if policy["metadata"]["namespace"] == pod.namespace
        and direction in policy["spec"]["policyTypes"]
        and _selects(policy["spec"]["podSelector"], pod.labels)
    ]


def _passes(
    policies: Sequence[Policy],
    rules: Literal["ingress", "egress"],
    side: Literal["from", "to"],
    peer: Endpoint,
    port: tuple[int, str],
) -> bool:
    """Whether one rule allows the peer and the port, where there is a policy at all."""
    if not policies:
        return True
    return any(
        _has_port(rule, port) and _has_peer(rule.get(side), peer, policy["metadata"]["namespace"])
        for policy in policies
        for rule in policy["spec"].get(rules, ())
    )


def _has_port(rule: Mapping[str, Any], port: tuple[int, str]) -> bool:
    """Whether the rule speaks of the port; without any it speaks of all."""
    named = [(entry["port"], entry["protocol"]) for entry in rule.get("ports", ())]
    return not named or port in named


def _has_peer(peers: Any, peer: Endpoint, namespace: str) -> bool:
    """Whether the rule speaks of the peer; without any it speaks of everybody."""
    return not peers or any(_is_peer(entry, peer, namespace) for entry in peers)


def _is_peer(entry: Mapping[str, Any], peer: Endpoint, namespace: str) -> bool:
    """Whether one entry means the peer."""
    if "ipBlock" in entry:
        address, network = ip_address(peer.address), ip_network(entry["ipBlock"]["cidr"])
        return address.version == network.version and address in network
    if not peer.namespace:
        return False
    own = {"kubernetes.io/metadata.name": peer.namespace}
    if "namespaceSelector" in entry:
        is_there = _selects(entry["namespaceSelector"], own)
    else:
        is_there = peer.namespace == namespace
    return is_there and _selects(entry.get("podSelector", {}), peer.labels)


def _selects(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Whether all wanted labels are there."""
    wanted: Mapping[str, str] = selector.get("matchLabels", {})
    return all(labels.get(name) == value for name, value in wanted.items())
