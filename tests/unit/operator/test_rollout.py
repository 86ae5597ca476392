from collections.abc import Mapping
from typing import Any

import pytest

from codelab_operator.children import Agent
from codelab_operator.plan import Steps, plan
from codelab_operator.rollout import Wave, first_unsettled_wave
from fakes.children import agent, label, live, observed, replaced, wanted

OLD = agent(version="0.1.0-rc.1")
NEW = agent(version="0.1.0")
BEFORE = observed(wanted(OLD).values())
RUNNING = ("redis", "llmproxy", "runtime", "gateway")


def wave(one: Agent, here: Mapping[Any, Any]) -> Wave:
    return first_unsettled_wave(plan(wanted(one).values(), here, one), here, one)


def applied(one: Wave) -> list[str]:
    return [label(step.child.key) for step in one.steps.apply]


def rolled(*names: str) -> dict[Any, Any]:
    """The cluster after some components were applied and have settled."""
    children = wanted(NEW)
    done = [child for child in children.values() if child.component in names]
    return BEFORE | observed(done)


def key(name: str) -> Any:
    kind = "StatefulSet" if name == "redis" else "Deployment"
    return wanted(NEW)[f"{kind}/{name}"].key


def test_at_creation_everything_goes_at_once() -> None:
    steps = plan(wanted(NEW).values(), {}, NEW)

    assert first_unsettled_wave(steps, {}, NEW) == Wave(steps)


@pytest.mark.parametrize(
    ("done", "goes", "held"),
    [
        ((), "StatefulSet/redis", ("llmproxy", "runtime", "gateway")),
        (("redis",), "Deployment/llmproxy", ("runtime", "gateway")),
        (("redis", "llmproxy"), "Deployment/runtime", ("gateway",)),
        (("redis", "llmproxy", "runtime"), "Deployment/gateway", ()),
    ],
)
def test_a_version_goes_component_by_component(
    done: tuple[str, ...], goes: str, held: tuple[str, ...]
) -> None:
    now = wave(NEW, rolled(*done))

    assert applied(now) == [goes]
    assert (now.held, now.waiting_for) == (held, goes.partition("/")[2] if held else "")


@pytest.mark.parametrize("name", RUNNING[:-1])
def test_the_next_component_waits_until_this_one_is_available(name: str) -> None:
    done = RUNNING[: RUNNING.index(name) + 1]
    here = replaced(rolled(*done), key(name), "status availableReplicas", 0)

    now = wave(NEW, here)

    assert now == Wave(now.steps, RUNNING[len(done) :], name)
    assert applied(now) == []


def test_a_component_past_its_deadline_stops_the_others() -> None:
    late = [{"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}]
    here = replaced(rolled("redis", "llmproxy"), key("llmproxy"), "status conditions", late)

    now = wave(NEW, here)

    assert (applied(now), now.held, now.waiting_for) == ([], ("runtime", "gateway"), "llmproxy")


def test_the_fix_of_a_stuck_component_goes_at_once() -> None:
    fixed = agent(version="0.1.0", llmproxy={"image": "fixed"})
    here = replaced(rolled("redis", "llmproxy"), key("llmproxy"), "status availableReplicas", 0)

    now = wave(fixed, here)

    assert applied(now) == ["Deployment/llmproxy"]
    assert (now.held, now.waiting_for) == (("runtime", "gateway"), "llmproxy")


def test_going_back_takes_the_same_order() -> None:
    now = wave(OLD, rolled("redis", "llmproxy"))

    assert applied(now) == ["StatefulSet/redis"]
    assert (now.held, now.waiting_for) == (("llmproxy",), "redis")


def test_other_changes_do_not_wait_for_each_other() -> None:
    later = agent(version="0.1.0-rc.1", gateway={"drainSeconds": 60}, runtime={"drainSeconds": 60})

    now = wave(later, replaced(BEFORE, key("redis"), "status availableReplicas", 0))

    assert applied(now) == ["Deployment/gateway", "Deployment/runtime"]
    assert (now.held, now.waiting_for) == ((), "")


def test_a_lost_component_is_made_at_once_during_a_roll() -> None:
    here = {one: manifest for one, manifest in rolled().items() if one != key("gateway")}

    now = wave(NEW, here)

    assert applied(now) == ["StatefulSet/redis", "Deployment/gateway"]
    assert now.held == ("llmproxy", "runtime")


def test_what_runs_no_pods_does_not_wait() -> None:
    here = {one: manifest for one, manifest in rolled().items() if one.kind != "Service"}

    now = wave(NEW, here)

    assert "Service/gateway" in applied(now)
    assert "Deployment/gateway" not in applied(now)


def test_external_redis_is_passed_over() -> None:
    external = {"external": {"url": "redis://store:6379"}}
    here = observed(wanted(agent(version="0.1.0-rc.1", redis=external)).values())

    now = wave(agent(version="0.1.0", redis=external), here)

    assert applied(now) == ["Deployment/llmproxy"]


def test_at_rest_there_is_no_wave() -> None:
    assert wave(NEW, observed(wanted(NEW).values())) == Wave(Steps())


def test_a_workload_without_a_version_counts_as_older() -> None:
    child = wanted(OLD)["Deployment/gateway"]
    bare = live(child)
    bare["metadata"]["annotations"] = None

    now = wave(NEW, BEFORE | {child.key: bare})

    assert now.held == ("llmproxy", "runtime", "gateway")
