"""Wanted children are kept for a while."""

from dataclasses import replace

import pytest

from codelab_operator.children import Offering
from codelab_operator.manifests import desired
from codelab_operator.parsing import RefusedSpecError, parse
from codelab_operator.rendered import KEPT, Rendered
from fakes.agents import agent_of

OFFERING = Offering()


def test_one_generation_is_rendered_once() -> None:
    rendered, agent = Rendered(), agent_of()

    first = rendered.children(agent, OFFERING)

    assert first == desired(agent, OFFERING)
    assert rendered.children(agent, OFFERING) is first


def test_another_generation_agent_or_offering_is_rendered_anew() -> None:
    rendered, agent = Rendered(), agent_of()
    first = rendered.children(agent, OFFERING)

    others = [
        rendered.children(replace(agent, generation=2), OFFERING),
        rendered.children(replace(agent, uid="other"), OFFERING),
        rendered.children(agent, Offering(service_monitors=True)),
    ]

    assert all(other is not first for other in others)
    assert len(others[2]) == len(first) + 3


def test_the_agent_that_was_asked_for_longest_ago_is_forgotten() -> None:
    rendered, agent = Rendered(), agent_of()
    first, second = (rendered.children(replace(agent, uid=uid), OFFERING) for uid in "ab")

    rendered.children(replace(agent, uid="a"), OFFERING)
    for number in range(KEPT - 1):
        rendered.children(replace(agent, uid=str(number)), OFFERING)

    assert rendered.children(replace(agent, uid="a"), OFFERING) is first
    assert rendered.children(replace(agent, uid="b"), OFFERING) is not second


def resource(generation: int = 1, **spec: object) -> dict[str, object]:
    """A stored agent."""
    names = {"namespace": "ns", "name": "a", "uid": "u", "generation": generation}
    return {"metadata": names, "spec": spec}


def test_one_generation_is_parsed_once() -> None:
    rendered = Rendered()

    first = rendered.agent(resource())

    assert first == parse(resource())
    assert rendered.agent(resource()) is first
    assert rendered.agent(resource(2, paused=True)).spec.paused


def test_what_is_refused_is_refused_each_time() -> None:
    rendered = Rendered()

    for _ in range(2):
        with pytest.raises(RefusedSpecError):
            rendered.agent(resource(paused="maybe"))
