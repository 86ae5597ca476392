from typing import Any

import pytest

from codelab_operator.children import Offering
from codelab_operator.findings import Failure, Findings, Health
from codelab_operator.plan import Steps
from codelab_operator.rollout import Wave
from codelab_operator.surroundings_status import (
    endpoints,
    monitoring_verdict,
    provider_entries,
    provider_verdict,
)
from codelab_operator.verdicts import Verdict
from fakes.children import OFFERING, agent, live, observed, wanted

PROVIDERS = [
    {"name": "one", "kind": "scripted"},
    {"name": "two", "kind": "scripted"},
    {"name": "three", "kind": "scripted"},
]
AGENT = agent(llmproxy={"providers": PROVIDERS})


def health(one: str, two: str, three: str) -> Health:
    return Health(llmproxy={"redis": "ok", "one": one, "two": two, "three": three})


def test_providers_are_told_in_the_order_of_the_specification() -> None:
    made = provider_entries(AGENT, health("error: ", "timeout", "ok"))

    assert made == [
        {"name": "one", "state": "error", "message": "no details"},
        {"name": "two", "state": "timeout", "message": "timeout"},
        {"name": "three", "state": "ok"},
    ]


@pytest.mark.parametrize(
    ("outcomes", "verdict"),
    [
        (("ok", "ok", "ok"), Verdict("ProvidersReady", "True", "AllOk")),
        (
            ("timeout", "error: 401", "error: key missing"),
            Verdict("ProvidersReady", "False", "KeyMissing", "Provider three: key missing"),
        ),
        (
            ("timeout", "error: 401", "error: 403"),
            Verdict("ProvidersReady", "False", "KeyRejected", "Provider two: 401"),
        ),
        (
            ("ok", "timeout", "error: ClientError"),
            Verdict("ProvidersReady", "False", "Unreachable", "Provider two: timeout"),
        ),
    ],
    ids=["fine", "key-missing", "key-rejected", "unreachable"],
)
def test_the_worst_provider_is_told(outcomes: tuple[str, str, str], verdict: Verdict) -> None:
    assert provider_verdict(AGENT, health(*outcomes)) == verdict


@pytest.mark.parametrize("checks", [None, {}, {"one": "ok", "two": "ok"}])
def test_a_provider_that_was_not_checked_leaves_the_answer_open(checks: Any) -> None:
    made = provider_verdict(AGENT, Health(llmproxy=checks))

    assert made == Verdict("ProvidersReady", "Unknown", "NotChecked")


def found(offering: Offering, *, there: bool = True, **facts: Any) -> Findings:
    children = tuple(wanted(agent(), offering).values())
    here = observed(children) if there else {}
    return Findings(children, here, Wave(Steps()), offering, **facts)


def test_monitors_are_told_where_they_are_wanted() -> None:
    key = wanted(agent())["ServiceMonitor/gateway"].key
    refusal = Failure(key, "ChildRejected", "because")
    disabled = agent(monitoring={"serviceMonitor": "Disabled"})

    made = [
        monitoring_verdict(agent(), found(OFFERING)),
        monitoring_verdict(agent(), found(OFFERING, there=False, failures=[refusal])),
        monitoring_verdict(agent(), found(Offering())),
        monitoring_verdict(disabled, found(OFFERING)),
    ]

    assert made == [
        Verdict("MonitoringReady", "True", "Applied"),
        Verdict("MonitoringReady", "False", "Pending", "because"),
        Verdict("MonitoringReady", "False", "CRDMissing"),
        None,
    ]


def test_a_monitor_of_an_older_intent_is_not_applied() -> None:
    findings = found(OFFERING)
    later = tuple(wanted(agent(monitoring={"interval": "5s"})).values())

    made = monitoring_verdict(agent(), Findings(later, findings.observed, Wave(Steps()), OFFERING))

    assert made == Verdict("MonitoringReady", "False", "Pending")


def test_addresses_from_outside_are_those_of_routes_and_balancers() -> None:
    ingress = {"host": "a.example", "tlsSecretName": "tls"}
    route = {"parentRefs": [{"name": "edge"}], "hostnames": ["b.example", "a.example"]}
    one = agent(exposure={"ingress": ingress, "httpRoute": route})
    service = wanted(one)["Service/gateway"]
    given = [{"hostname": "lb.example"}, {"ip": "192.0.2.1"}, {"ip": "2001:db8::1"}]
    balanced = live(service) | {"status": {"loadBalancer": {"ingress": given}}}

    made = endpoints(one, {service.key: balanced})

    assert made == {
        "internal": "ws://demo-gateway.team.svc:8000/ws",
        "external": [
            "wss://a.example/ws",
            "wss://b.example/ws",
            "ws://lb.example:8000/ws",
            "ws://192.0.2.1:8000/ws",
            "ws://[2001:db8::1]:8000/ws",
        ],
    }


@pytest.mark.parametrize("status", [{}, {"status": None}, {"status": {"loadBalancer": {}}}])
def test_a_service_without_a_balancer_has_no_address_outside(status: Any) -> None:
    children = wanted(agent())
    service = children["Service/gateway"]
    here = observed(children.values()) | {service.key: live(service) | status}

    assert endpoints(agent(), here)["external"] == []
