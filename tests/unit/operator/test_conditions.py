from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import pytest

from codelab_operator.api_status import ORDER, REASONS, UNSEEN, Status
from codelab_operator.children import Agent, Offering
from codelab_operator.conditions import conditions, refused
from codelab_operator.findings import Failure, Findings, Health
from codelab_operator.parsing import InvalidSpecError, UnsupportedVersionError
from codelab_operator.plan import plan
from codelab_operator.rollout import Wave, first_unsettled_wave
from codelab_operator.rotation import Rotation
from fakes.children import OFFERING, agent, observed, replaced, wanted

NOW = "2026-01-01T00:10:00Z"
BEFORE = "2026-01-01T00:00:00Z"
HEALTHY = Health({"redis": "ok", "llm-proxy": "ok"}, {"redis": "ok", "scripted": "ok"})
LATE = [
    {"type": "Progressing", "reason": "ProgressDeadlineExceeded", "message": "has timed out"},
]
NO_PODS = [{"type": "ReplicaFailure", "status": "True"}]
OUTSIDE = agent(
    llmproxy={
        "providers": [
            {"name": "o", "kind": "ollama", "baseUrl": "https://o", "models": [{"id": "m"}]}
        ]
    }
)
EXTERNAL = {"external": {"url": "redis://store:6379"}}
RUN = {"version": "0.1.0"}


def key(name: str) -> Any:
    return wanted(agent())[name].key


GATEWAY, PROXY = key("Deployment/gateway"), key("Deployment/llmproxy")
REDIS, MONITOR = key("StatefulSet/redis"), key("ServiceMonitor/gateway")
SERVICE = key("Service/gateway")


def found(one: Agent, here: Mapping[Any, Any] | None = None, **facts: Any) -> Findings:
    """What a pass finds whose writes are all done, or in `here` what it finds instead."""
    offering = facts.pop("offering", OFFERING)
    children = tuple(wanted(one, offering).values())
    live = observed(children) if here is None else here
    wave = first_unsettled_wave(plan(children, live, one), live, one)
    return Findings(children, live, wave, offering, **{"health": HEALTHY} | facts)


def live(one: Agent | None = None) -> dict[Any, Any]:
    return observed(wanted(one or agent()).values())


def at(*path: Any) -> dict[Any, Any]:
    """The cluster at rest, but for one field."""
    return replaced(live(), *path)


def without(*keys: Any) -> dict[Any, Any]:
    return {one: manifest for one, manifest in live().items() if one not in keys}


def failed(reason: Any, which: Any = SERVICE) -> Findings:
    return found(agent(), failures=(Failure(which, reason, "because"),))


def of_version(version: str, **spec: Any) -> dict[Any, Any]:
    return live(agent(version=version, **spec))


def told(checks: Any) -> Findings:
    return found(agent(redis=EXTERNAL), health=replace(HEALTHY, runtime=checks))


def provider(outcome: str) -> Findings:
    return found(agent(), health=replace(HEALTHY, llmproxy={"scripted": outcome}))


def said(status: dict[str, Any]) -> dict[str, str]:
    """Conditions as `True Available`, without those that are as at rest."""
    words = {one["type"]: f"{one['status']} {one['reason']}" for one in status["conditions"]}
    rest = {"ProvidersReady": "True AllOk", "MonitoringReady": "True Applied"} | dict.fromkeys(
        ("Ready", "GatewayReady", "RuntimeReady", "LLMProxyReady", "RedisReady"), "True Available"
    )
    return {name: words.get(name, "absent") for name in ORDER if words.get(name) != rest.get(name)}


Case = tuple[Agent, Callable[[], Findings], dict[str, Any], dict[str, str]]

ROLLING = {"Ready": "False RollingOut", "Reconciling": "True RollingOut"}
OTHERWISE = agent(gateway={"drainSeconds": 60})
NEXT = agent(version="0.1.0")
DRAFT = "0.1.0-rc.1"
PAUSED = agent(paused=True, gateway={"drainSeconds": 60})

CASES: dict[str, Case] = {
    "at-rest": (agent(), lambda: found(agent()), RUN, {}),
    "nothing-there-yet": (
        agent(),
        lambda: found(agent(), {}),
        UNSEEN,
        {
            "Ready": "False RollingOut",
            "Reconciling": "True Creating",
            "GatewayReady": "False NotCreated",
            "RuntimeReady": "False NotCreated",
            "LLMProxyReady": "False NotCreated",
            "RedisReady": "False NotReady",
            "MonitoringReady": "False Pending",
            "ProvidersReady": "Unknown NotChecked",
        },
    ),
    "pods-start-for-the-first-time": (
        agent(),
        lambda: found(agent(), at(GATEWAY, "status availableReplicas", 0)),
        {},
        {
            "Ready": "False ComponentNotReady",
            "Reconciling": "True Creating",
            "GatewayReady": "False NotEnoughPods",
        },
    ),
    "a-pod-is-lost-later": (
        agent(),
        lambda: found(agent(), at(GATEWAY, "status availableReplicas", 0)),
        RUN,
        {"Ready": "False ComponentNotReady", "GatewayReady": "False NotEnoughPods"},
    ),
    "terminating-pods-are-not-ready-pods": (
        agent(),
        lambda: found(
            agent(),
            replaced(
                at(GATEWAY, "status availableReplicas", 0), GATEWAY, "status terminatingReplicas", 1
            ),
        ),
        RUN,
        {"Ready": "False ComponentNotReady", "GatewayReady": "False NotEnoughPods"},
    ),
    "terminating-pods-do-not-hold-up": (
        agent(),
        lambda: found(agent(), at(GATEWAY, "status terminatingReplicas", 3)),
        RUN,
        {},
    ),
    "an-old-pod-is-left": (
        agent(),
        lambda: found(agent(), at(GATEWAY, "status replicas", 2)),
        RUN,
        ROLLING | {"GatewayReady": "False RollingOut"},
    ),
    "stale-observed-generation": (
        agent(),
        lambda: found(agent(), at(GATEWAY, "status observedGeneration", 3)),
        RUN,
        ROLLING | {"GatewayReady": "False RollingOut"},
    ),
    "no-status-at-all": (
        agent(),
        lambda: found(agent(), at(GATEWAY, "status", None)),
        RUN,
        ROLLING | {"GatewayReady": "False RollingOut"},
    ),
    "not-written-yet": (
        OTHERWISE,
        lambda: found(OTHERWISE, live()),
        RUN,
        ROLLING | {"GatewayReady": "False RollingOut"},
    ),
    "only-a-service-not-written-yet": (
        agent(),
        lambda: found(agent(), without(SERVICE)),
        RUN,
        ROLLING,
    ),
    "a-service-is-being-deleted": (
        agent(),
        lambda: found(agent(), at(SERVICE, "metadata deletionTimestamp", NOW)),
        RUN,
        ROLLING,
    ),
    "a-deployment-is-lost": (
        agent(),
        lambda: found(agent(), without(GATEWAY)),
        RUN,
        ROLLING | {"GatewayReady": "False NotCreated"},
    ),
    "a-deployment-is-being-deleted": (
        agent(),
        lambda: found(agent(), at(PROXY, "metadata deletionTimestamp", NOW)),
        RUN,
        ROLLING
        | {"LLMProxyReady": "False NotCreated", "ProvidersReady": "Unknown NotChecked"},
    ),
    "past-the-deadline": (
        agent(),
        lambda: found(
            agent(), replaced(at(GATEWAY, "status replicas", 2), GATEWAY, "status conditions", LATE)
        ),
        RUN,
        {
            "Ready": "False ComponentNotReady",
            "Stalled": "True ProgressDeadlineExceeded",
            "GatewayReady": "False ProgressDeadlineExceeded",
        },
    ),
    "pods-cannot-be-created": (
        agent(),
        lambda: found(agent(), at(GATEWAY, "status conditions", NO_PODS)),
        RUN,
        {"Ready": "False ComponentNotReady", "GatewayReady": "False ReplicaFailure"},
    ),
    "a-version-begins-with-redis": (
        NEXT,
        lambda: found(NEXT, of_version(DRAFT)),
        {"version": DRAFT},
        {
            "Ready": "False RollingOut",
            "Reconciling": "True WaitingForRedis",
            "GatewayReady": "False RollingOut",
            "RuntimeReady": "False RollingOut",
            "LLMProxyReady": "False RollingOut",
            "RedisReady": "False NotReady",
        },
    ),
    "a-version-waits-for-the-llm-proxy": (
        NEXT,
        lambda: found(NEXT, of_version(DRAFT) | {REDIS: live()[REDIS]}),
        {"version": DRAFT},
        {
            "Ready": "False RollingOut",
            "Reconciling": "True WaitingForLLMProxy",
            "GatewayReady": "False RollingOut",
            "RuntimeReady": "False RollingOut",
            "LLMProxyReady": "False RollingOut",
        },
    ),
    "a-version-waits-for-the-runtime": (
        NEXT,
        lambda: found(NEXT, of_version(DRAFT) | {k: live()[k] for k in (REDIS, PROXY)}),
        {"version": DRAFT},
        {
            "Ready": "False RollingOut",
            "Reconciling": "True WaitingForRuntime",
            "GatewayReady": "False RollingOut",
            "RuntimeReady": "False RollingOut",
        },
    ),
    "a-version-is-stuck": (
        NEXT,
        lambda: found(
            NEXT,
            of_version(DRAFT)
            | {k: at(PROXY, "status conditions", LATE)[k] for k in (REDIS, PROXY)},
        ),
        {"version": DRAFT},
        {
            "Ready": "False RollingOut",
            "Stalled": "True ProgressDeadlineExceeded",
            "GatewayReady": "False RollingOut",
            "RuntimeReady": "False RollingOut",
            "LLMProxyReady": "False ProgressDeadlineExceeded",
        },
    ),
    "paused-with-changes": (
        PAUSED,
        lambda: found(PAUSED, live()),
        RUN,
        {"Ready": "False Paused", "GatewayReady": "False RollingOut"},
    ),
    "paused-before-anything-was-made": (
        PAUSED,
        lambda: found(PAUSED, {}),
        {},
        {
            "Ready": "False Paused",
            "GatewayReady": "False NotCreated",
            "RuntimeReady": "False NotCreated",
            "LLMProxyReady": "False NotCreated",
            "RedisReady": "False NotReady",
            "MonitoringReady": "False Pending",
            "ProvidersReady": "Unknown NotChecked",
        },
    ),
    "paused-without-changes": (PAUSED, lambda: found(PAUSED), RUN, {}),
    "redis-is-down": (
        agent(),
        lambda: found(agent(), at(REDIS, "status availableReplicas", 0)),
        RUN,
        {"Ready": "False RedisUnavailable", "RedisReady": "False NotReady"},
    ),
    "redis-and-gateway-are-down": (
        agent(),
        lambda: found(
            agent(),
            replaced(
                at(REDIS, "status availableReplicas", 0), GATEWAY, "status availableReplicas", 0
            ),
        ),
        RUN,
        {
            "Ready": "False RedisUnavailable",
            "GatewayReady": "False NotEnoughPods",
            "RedisReady": "False NotReady",
        },
    ),
    "redis-is-down-for-the-whole-deadline": (
        agent(),
        lambda: found(agent(), at(REDIS, "status availableReplicas", 0)),
        RUN | {"conditions": [
            {"type": "Ready", "status": "False", "lastTransitionTime": NOW},
            {"type": "RedisReady", "status": "False", "lastTransitionTime": BEFORE},
        ]},
        {
            "Ready": "False RedisUnavailable",
            "Stalled": "True ProgressDeadlineExceeded",
            "RedisReady": "False NotReady",
        },
    ),
    "redis-was-up-until-now": (
        agent(),
        lambda: found(agent(), at(REDIS, "status availableReplicas", 0)),
        RUN | {"conditions": [
            {"type": "RedisReady", "status": "True", "lastTransitionTime": BEFORE},
        ]},
        {"Ready": "False RedisUnavailable", "RedisReady": "False NotReady"},
    ),
    "external-redis-is-fine": (agent(redis=EXTERNAL), lambda: told({"redis": "ok"}), RUN, {}),
    "external-redis-is-not-asked-yet": (
        agent(redis=EXTERNAL),
        lambda: told(None),
        RUN,
        {"Ready": "False RedisUnavailable", "RedisReady": "Unknown NotReady"},
    ),
    "external-redis-is-slow": (
        agent(redis=EXTERNAL),
        lambda: told({"redis": "timeout"}),
        RUN,
        {"Ready": "False RedisUnavailable", "RedisReady": "False Unreachable"},
    ),
    "external-redis-refuses-connections": (
        agent(redis=EXTERNAL),
        lambda: told({"redis": "error: ConnectionError"}),
        RUN,
        {"Ready": "False RedisUnavailable", "RedisReady": "False Unreachable"},
    ),
    "external-redis-refuses-the-password": (
        agent(redis=EXTERNAL),
        lambda: told({"redis": "error: AuthenticationError"}),
        RUN,
        {"Ready": "False RedisUnavailable", "RedisReady": "False AuthFailed"},
    ),
    "external-redis-refuses-a-command": (
        agent(redis=EXTERNAL),
        lambda: told({"redis": "error: NoPermissionError"}),
        RUN,
        {"Ready": "False RedisUnavailable", "RedisReady": "False AuthFailed"},
    ),
    "external-redis-evicts": (
        agent(redis=EXTERNAL),
        lambda: told({"redis": "error: EvictionPolicyError"}),
        RUN,
        {"Ready": "False RedisUnavailable", "RedisReady": "False EvictionPolicy"},
    ),
    "built-in-provider-not-asked": (
        agent(),
        lambda: found(agent(), health=Health()),
        RUN,
        {},
    ),
    "providers-not-checked": (
        OUTSIDE,
        lambda: found(OUTSIDE, health=Health({"redis": "ok"}, None)),
        RUN,
        {"ProvidersReady": "Unknown NotChecked"},
    ),
    "provider-unreachable": (
        agent(),
        lambda: provider("timeout"),
        RUN,
        {"ProvidersReady": "False Unreachable"},
    ),
    "provider-in-trouble": (
        agent(),
        lambda: provider("error: ClientConnectorError"),
        RUN,
        {"ProvidersReady": "False Unreachable"},
    ),
    "provider-refuses-the-key": (
        agent(),
        lambda: provider("error: AuthenticationError"),
        RUN,
        {"ProvidersReady": "False KeyRejected"},
    ),
    "provider-key-missing": (
        agent(),
        lambda: provider("error: KeyMissingError"),
        RUN,
        {"ProvidersReady": "False KeyMissing"},
    ),
    "no-monitors-in-the-cluster": (
        agent(),
        lambda: found(agent(), offering=Offering()),
        RUN,
        {"MonitoringReady": "False CRDMissing"},
    ),
    "monitors-disabled": (
        agent(monitoring={"serviceMonitor": "Disabled"}),
        lambda: found(agent(monitoring={"serviceMonitor": "Disabled"})),
        RUN,
        {"MonitoringReady": "absent"},
    ),
    "a-monitor-is-missing": (
        agent(),
        lambda: found(agent(), without(MONITOR)),
        RUN,
        {"MonitoringReady": "False Pending"},
    ),
    "a-monitor-is-refused": (
        agent(),
        lambda: found(
            agent(), without(MONITOR), failures=(Failure(MONITOR, "ChildRejected", "because"),)
        ),
        RUN,
        {"MonitoringReady": "False Pending"},
    ),
    "a-foreign-object-has-the-name": (
        agent(),
        lambda: failed("ChildConflict"),
        RUN,
        {"Ready": "False ChildConflict", "Stalled": "True ChildConflict"},
    ),
    "an-object-went-to-another-owner": (
        agent(),
        lambda: found(agent(), at(SERVICE, "metadata labels codelab.dev/agent", "other")),
        RUN,
        {"Ready": "False ChildConflict", "Stalled": "True ChildConflict"},
    ),
    "the-api-server-refuses-a-child": (
        agent(),
        lambda: failed("ChildRejected"),
        RUN,
        {"Ready": "False ChildRejected", "Stalled": "True ChildRejected"},
    ),
    "a-permission-is-lacking": (
        agent(),
        lambda: failed("Forbidden"),
        RUN,
        {"Ready": "False Forbidden", "Stalled": "True Forbidden"},
    ),
    "a-write-is-repeated": (
        agent(),
        lambda: failed("Retrying"),
        RUN,
        {"Reconciling": "True Retrying"},
    ),
    "somebody-undoes-our-writes": (
        agent(),
        lambda: found(agent(), fights=frozenset({SERVICE})),
        RUN,
        {"Ready": "False DriftFight", "Stalled": "True DriftFight"},
    ),
    "a-token-is-replaced": (
        agent(internalAuth={"rotation": "b"}),
        lambda: found(
            agent(internalAuth={"rotation": "b"}), rotation=Rotation("b", "Adding", 1)
        ),
        RUN,
        {"Reconciling": "True RotatingToken"},
    ),
    "a-token-was-being-replaced": (
        agent(),
        lambda: found(agent()),
        RUN | {"internalAuth": {"rotation": "b", "phase": "Promoted"}},
        {"Reconciling": "True RotatingToken"},
    ),
    "a-token-is-replaced-by-its-owner": (
        agent(internalAuth={"secretName": "mine"}),
        lambda: found(agent(internalAuth={"secretName": "mine"})),
        RUN | {"internalAuth": {"rotation": "b", "phase": "Promoted"}},
        {},
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_conditions_of_an_observed_state(case: str) -> None:
    one, findings, previous, expected = CASES[case]

    status = conditions(one, findings(), previous, NOW)

    assert said(status) == expected
    Status.model_validate(status)
    assert all(c["reason"] in REASONS[c["type"]] and c["message"] for c in status["conditions"])
    assert [c["type"] for c in status["conditions"]] == sorted(
        (c["type"] for c in status["conditions"]), key=ORDER.index
    )


@pytest.mark.parametrize("case", CASES)
def test_the_next_status_of_the_same_state_is_the_same(case: str) -> None:
    one, findings, previous, _ = CASES[case]
    first = conditions(one, findings(), previous, NOW)

    again = conditions(one, findings(), first, "2026-01-01T00:10:59Z")

    assert again == first


@pytest.mark.parametrize("case", CASES)
def test_stalled_and_reconciling_exclude_each_other(case: str) -> None:
    one, findings, previous, _ = CASES[case]

    types = {c["type"] for c in conditions(one, findings(), previous, NOW)["conditions"]}

    assert not {"Stalled", "Reconciling"} <= types


def test_the_whole_status_at_rest() -> None:
    one = agent(7, gateway={"replicas": 2}, exposure={"ingress": {"host": "a.example"}})
    children = wanted(one)

    status = conditions(one, found(one), {}, NOW)

    def entry(name: str, kind: str, image: str, pods: int) -> dict[str, Any]:
        digest = children[f"{kind}/{name}"].hash
        numbers = dict.fromkeys(("desired", "ready", "updated"), pods)
        facts = {"version": "0.1.0", "image": image, "hash": digest}
        return {"name": name, "summary": f"{pods}/{pods}"} | facts | numbers

    assert {k: v for k, v in status.items() if k != "conditions"} == {
        "observedGeneration": 7,
        "version": "0.1.0",
        "components": [
            entry("gateway", "Deployment", "codelab/gateway:0.1.0", 2),
            entry("runtime", "Deployment", "codelab/runtime:0.1.0", 1),
            entry("llmproxy", "Deployment", "codelab/llmproxy:0.1.0", 1),
            entry("redis", "StatefulSet", "redis:8.0", 1),
        ],
        "providers": [{"name": "scripted", "state": "ok"}],
        "endpoints": {
            "internal": "ws://demo-gateway.team.svc:8000/ws",
            "external": ["ws://a.example/ws"],
        },
        "clientTokenSecret": "demo-client",
        "internalAuth": {"rotation": "", "phase": "Stable"},
    }
    assert status["conditions"][0] == {
        "type": "Ready",
        "status": "True",
        "reason": "Available",
        "message": "Every component runs the wanted version and configuration.",
        "lastTransitionTime": NOW,
    }


def test_a_transition_is_dated_only_when_the_status_moves() -> None:
    ready = {"type": "Ready", "status": "True", "reason": "Available", "lastTransitionTime": BEFORE}
    previous = RUN | {"conditions": [ready, {"type": "GatewayReady", "status": "True"}]}

    status = conditions(agent(), found(agent(), fights=frozenset()), previous, NOW)
    worse = conditions(agent(), failed("Forbidden"), previous, NOW)

    times = {one["type"]: one["lastTransitionTime"] for one in status["conditions"]}
    assert (times["Ready"], times["GatewayReady"], times["RedisReady"]) == (BEFORE, NOW, NOW)
    assert worse["conditions"][0]["lastTransitionTime"] == NOW


def test_the_version_stays_until_every_component_runs_the_next_one() -> None:
    rolling = conditions(NEXT, found(NEXT, of_version(DRAFT)), {"version": DRAFT}, NOW)
    first = conditions(NEXT, found(NEXT, {}), {}, NOW)
    done = conditions(NEXT, found(NEXT), {"version": DRAFT}, NOW)

    assert (rolling["version"], first.get("version"), done["version"]) == (DRAFT, None, "0.1.0")


def test_no_secret_is_named_that_is_not_ours() -> None:
    one = agent(gateway={"auth": {"tokensSecretName": "mine"}}, internalAuth={"secretName": "x"})

    status = conditions(one, found(one), {}, NOW)

    assert "clientTokenSecret" not in status
    assert "internalAuth" not in status


def test_an_agent_without_any_wanted_child_is_not_ready() -> None:
    status = conditions(agent(), Findings((), {}, Wave(plan((), {}, agent())), OFFERING), {}, NOW)

    assert said(status)["Ready"] == "False RedisUnavailable"
    assert "version" not in status


@pytest.mark.parametrize(
    "error",
    [
        InvalidSpecError("spec.redis", "exactly one"),
        UnsupportedVersionError("spec.version", "not 9.0.0"),
    ],
)
def test_a_refused_resource_keeps_what_was_last_seen(error: Any) -> None:
    before = conditions(agent(), found(agent(), {}), {}, BEFORE) | {"foreign": 1}
    resource = {"metadata": {"generation": 9}, "status": before}

    status = refused(resource, error, NOW)

    kept = [c for c in before["conditions"] if c["type"] not in {"Ready", "Reconciling"}]
    told = {"reason": error.reason, "message": str(error)}
    assert status == {k: v for k, v in before.items() if k != "foreign"} | {
        "observedGeneration": 9,
        "conditions": [
            {"type": "Ready", "status": "False", "lastTransitionTime": BEFORE} | told,
            {"type": "Stalled", "status": "True", "lastTransitionTime": NOW} | told,
            *kept,
        ],
    }


def test_a_resource_that_was_never_understood_is_refused_too() -> None:
    error = InvalidSpecError("spec", "no object")

    status = refused({"metadata": {"generation": 1}}, error, NOW)

    assert [c["type"] for c in status["conditions"]] == ["Ready", "Stalled"]
