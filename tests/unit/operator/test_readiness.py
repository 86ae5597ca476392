"""The table of `test_conditions` covers the reasons; here are precedence and words."""

from typing import Any

import pytest

from codelab_operator.children import ObjectKey
from codelab_operator.component_status import component_verdicts, workloads
from codelab_operator.findings import Failure, Findings, Health
from codelab_operator.plan import Steps
from codelab_operator.readiness import View, overdue_in_s, readiness
from codelab_operator.rollout import Wave
from codelab_operator.verdicts import Verdict
from fakes.children import OFFERING, agent, observed, replaced, wanted

NOW = "2026-01-01T00:10:00Z"
SERVICE = ObjectKey("v1", "Service", "team", "demo-gateway")
ACCOUNT = ObjectKey("v1", "ServiceAccount", "team", "demo")
RUN = {"version": "0.1.0"}


def view(previous: Any = RUN, here: Any = None, **facts: Any) -> View:
    children = tuple(wanted(agent()).values())
    live = observed(children) if here is None else here
    wave = facts.pop("wave", Wave(Steps()))
    findings = Findings(children, live, wave, OFFERING, **facts)
    states = workloads(findings)
    return View(agent(), findings, states, component_verdicts(states, Health()), previous, NOW)


def test_the_most_telling_failure_is_the_reason_and_all_of_its_kind_the_message() -> None:
    failures = [
        Failure(SERVICE, "Forbidden", "no right"),
        Failure(SERVICE, "ChildRejected", "bad port"),
        Failure(ACCOUNT, "ChildRejected", "bad name"),
        Failure(ACCOUNT, "Retrying", "busy"),
    ]

    made = readiness(view(failures=failures))

    words = "Service demo-gateway: bad port; ServiceAccount demo: bad name"
    assert made == [
        Verdict("Ready", "False", "ChildRejected", words),
        Verdict("Stalled", "True", "ChildRejected", words),
    ]


def test_conflicts_of_the_plan_count_like_failures() -> None:
    wave = Wave(Steps(conflicts=(SERVICE,)))

    made = readiness(view(wave=wave))

    assert made[0] == Verdict(
        "Ready", "False", "ChildConflict", "Service demo-gateway belongs to somebody else."
    )


def test_fights_are_named() -> None:
    made = readiness(view(fights=frozenset({SERVICE, ACCOUNT})))

    words = "Left alone for ten minutes: Service demo-gateway, ServiceAccount demo."
    assert made[0] == Verdict("Ready", "False", "DriftFight", words)


def test_what_is_not_ready_is_named() -> None:
    children = wanted(agent())
    here = observed(children.values())
    for name in ("gateway", "runtime"):
        key = children[f"Deployment/{name}"].key
        here = replaced(here, key, "status availableReplicas", 0)

    made = readiness(view(here=here))

    words = "GatewayReady: NotEnoughPods. RuntimeReady: NotEnoughPods."
    assert made == [Verdict("Ready", "False", "ComponentNotReady", words)]


@pytest.mark.parametrize(
    ("since", "expected"),
    [
        pytest.param("2026-01-01T00:05:00Z", [], id="at-the-deadline"),
        pytest.param("2026-01-01T00:04:59Z", ["ProgressDeadlineExceeded"], id="after-it"),
    ],
)
def test_redis_has_as_long_as_a_deployment(since: str, expected: list[str]) -> None:
    key = wanted(agent())["StatefulSet/redis"].key
    here = replaced(observed(wanted(agent()).values()), key, "status availableReplicas", 0)
    before = {"type": "RedisReady", "status": "False", "lastTransitionTime": since}

    made = readiness(view(RUN | {"conditions": [before]}, here))

    assert [one.reason for one in made if one.type == "Stalled"] == expected


@pytest.mark.parametrize(
    ("since", "status", "left_s"),
    [
        pytest.param("2026-01-01T00:10:00Z", "False", 301.0, id="just-now"),
        pytest.param("2026-01-01T00:05:00Z", "False", 1.0, id="at-the-deadline"),
        pytest.param("2026-01-01T00:04:59Z", "False", None, id="told-already"),
        pytest.param("2026-01-01T00:10:00Z", "True", None, id="well"),
    ],
)
def test_redis_is_looked_at_again_when_its_time_is_up(
    since: str, status: str, left_s: float | None
) -> None:
    told = {"type": "RedisReady", "status": status, "lastTransitionTime": since}
    external = agent(redis={"external": {"url": "redis://r"}})

    assert overdue_in_s(agent(), {"conditions": [told]}, NOW) == left_s
    assert overdue_in_s(external, {"conditions": [told]}, NOW) is None
