"""What a pass is to do, and when nothing has to be looked at for it."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from codelab_operator.children import Child
from codelab_operator.conditions import conditions
from codelab_operator.findings import Findings
from codelab_operator.memory import SECRETS_S, AgentMemory
from codelab_operator.observations import AgentKey, Observation, Observations, sighting
from codelab_operator.planning import Pass, Planner, Sight, compared, is_quiet, learned
from fakes.children import OFFERING, agent, changed, live, wanted

AGENT = agent()
KEY = AgentKey("team", "demo")
RESOURCE: dict[str, Any] = {"metadata": {"name": "demo", "namespace": "team"}}
NOW = 1_000.0
Change = Callable[[AgentMemory, Sight], Sight]


def settled(**more: Any) -> Observations:
    """All children of the agent, Secrets apart, as they should be."""
    known = Observations()
    for child in wanted(AGENT).values():
        if child.key.kind != "Secret":
            known.put(sighting(live(child, **more) | {"metadata": _numbered(child)}))
    return known


def _numbered(child: Child, version: int = 1) -> dict[str, Any]:
    """Metadata with a version."""
    metadata: dict[str, Any] = live(child)["metadata"]
    return metadata | {"resourceVersion": str(version)}


def sight(known: Observations, now: float = NOW) -> Sight:
    """What a pass sees."""
    return Sight(RESOURCE, known.observe(KEY), OFFERING, now)


def passed(known: Observations, memory: AgentMemory, now: float = NOW) -> Pass:
    """A pass without anything to write; what it learned is kept."""
    this = Planner().planned(AGENT, memory, sight(known, now))
    known.confirm(this.sight.observed)
    learned(this, memory, this.sight.observed)
    return this


def test_a_first_pass_compares_and_the_next_one_has_nothing_to_compare() -> None:
    known, memory = settled(), AgentMemory()

    first = passed(known, memory)
    second = passed(known, memory)

    assert first.wave.steps.is_empty
    assert second.wave.steps.is_empty
    assert all(isinstance(child, Child) for child in first.children)
    assert second.children == memory.outline
    assert [one.key for one in memory.outline] == [c.key for c in wanted(AGENT).values()]


def test_what_was_written_is_compared_with_what_was_meant() -> None:
    known, memory = settled(), AgentMemory()
    child = wanted(AGENT)["Service/gateway"]
    known.drop(child.key, "uid-of-demo-gateway")

    this = passed(known, memory)
    known.put(sighting(live(child) | {"metadata": _numbered(child, 2)}))
    after = compared(this.children, AGENT, known.observe(KEY))
    learned(this, memory, after)

    assert after.meant[child.key] == child.hash
    assert child.key not in this.sight.observed.meant
    assert after.holds(memory.outline)


def test_an_outline_has_nothing_to_compare() -> None:
    known, memory = settled(), AgentMemory()
    passed(known, memory)
    fresh = settled().observe(KEY)

    assert compared(memory.outline, AGENT, fresh) == fresh


def test_statuses_are_the_same_with_and_without_what_was_compared() -> None:
    known, memory = settled(), AgentMemory()
    before, after = passed(known, memory), passed(known, memory)

    made = [
        conditions(
            AGENT,
            Findings(this.children, this.sight.observed.children, this.wave, OFFERING),
            {},
            "2026-01-01T00:00:00Z",
        )
        for this in (before, after)
    ]

    assert made[0] == made[1]
    assert made[0]["conditions"][0]["status"] == "True"


def test_what_somebody_changed_is_compared_and_put_right() -> None:
    known, memory = settled(), AgentMemory()
    passed(known, memory)
    child = wanted(AGENT)["Deployment/gateway"]
    evil = changed(live(child), "spec template spec containers 0 image", "evil")

    known.put(sighting(evil | {"metadata": _numbered(child, 2)}))
    this = passed(known, memory)

    assert [(step.child.key, step.reason) for step in this.wave.steps.apply] == [
        (child.key, "drifted")
    ]
    assert memory.outline == ()


def test_what_is_gone_is_missing() -> None:
    known, memory = settled(), AgentMemory()
    passed(known, memory)
    key = wanted(AGENT)["Service/gateway"].key

    known.drop(key, "uid-of-demo-gateway")
    this = passed(known, memory)

    assert [step.child.key for step in this.wave.steps.apply] == [key]
    assert memory.outline == ()


def forgets(memory: AgentMemory, here: Sight) -> Sight:
    """Another generation."""
    memory.turn_to("another", 9, NOW)
    return here


def owes(memory: AgentMemory, here: Sight) -> Sight:
    """A Secret could not be made."""
    memory.owes_secrets = True
    return here


def offers(_: AgentMemory, here: Sight) -> Sight:
    """The cluster has another kind now."""
    return replace(here, offering=replace(OFFERING, http_routes=True))


def shows_nothing(_: AgentMemory, here: Sight) -> Sight:
    """Children are away."""
    return replace(here, observed=Observation(RESOURCE, {}))


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        pytest.param(lambda _, here: here, True, id="nothing"),
        pytest.param(forgets, False, id="generation"),
        pytest.param(owes, False, id="secret"),
        pytest.param(offers, False, id="offering"),
        pytest.param(shows_nothing, False, id="children"),
    ],
)
def test_a_pass_is_quiet_only_where_nothing_changed(change: Change, expected: bool) -> None:  # noqa: FBT001 -- of the table
    known, memory = settled(), AgentMemory()
    passed(known, memory)

    assert is_quiet(memory, change(memory, sight(known))) is expected


@pytest.mark.parametrize(("age_s", "expected"), [(SECRETS_S - 1, True), (SECRETS_S, False)])
def test_while_pods_wait_secrets_are_looked_at_each_minute(
    age_s: float,
    expected: bool,  # noqa: FBT001 -- of the table
) -> None:
    known, memory = settled(availableReplicas=0), AgentMemory(secrets_at=NOW)
    passed(known, memory)

    assert is_quiet(memory, sight(known, NOW + age_s)) is expected
    assert bool(passed(known, memory, NOW + age_s).wave.steps.secrets) is not expected


def test_secrets_that_are_owed_are_made_and_nothing_is_written_while_paused() -> None:
    known, memory = settled(), AgentMemory(owes_secrets=True)
    paused = agent(paused=True)

    owing = Planner().planned(AGENT, memory, sight(known))
    resting = Planner().planned(paused, memory, sight(Observations()))

    assert {child.key.kind for child in owing.wave.steps.secrets} == {"Secret"}
    assert resting.wave.steps.is_empty
    assert resting.children


def test_the_sooner_of_two_times_to_look_again_counts() -> None:
    this = passed(settled(), AgentMemory())

    for span_s in (None, 5.0, 9.0, None):
        this.look_again(span_s)

    assert this.again_in_s == 5.0
