"""Which events two statuses make."""

from typing import Any

import pytest

from codelab_operator.events import Note
from codelab_operator.transitions import is_ready, is_settled, notes, readiness


def status(*conditions: tuple[str, str, str], phase: str = "") -> dict[str, Any]:
    """A status of (type, status, reason)."""
    listed = [{"type": t, "status": s, "reason": r, "message": "m"} for t, s, r in conditions]
    return {"conditions": listed} | ({"internalAuth": {"phase": phase}} if phase else {})


READY = status(("Ready", "True", "Available"))
WAITING = status(("Ready", "Unknown", "Pending"))


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        pytest.param(READY, READY, [], id="nothing"),
        pytest.param(WAITING, READY, [("Normal", "Ready")], id="ready"),
        pytest.param(READY, WAITING, [("Warning", "NotReady")], id="not-ready"),
        pytest.param({}, WAITING, [], id="first"),
        pytest.param(
            WAITING, status(("Reconciling", "True", "Creating")), [("Normal", "Created")], id="made"
        ),
        pytest.param(
            {}, status(("Reconciling", "True", "RollingOut")), [("Normal", "RollingOut")], id="roll"
        ),
        pytest.param(
            {},
            status(("Stalled", "True", "ChildConflict")),
            [("Warning", "ChildConflict")],
            id="stalled",
        ),
        pytest.param(
            status(phase="Promoted"),
            status(phase="Stable"),
            [("Normal", "TokenRotated")],
            id="rotated",
        ),
    ],
)
def test_each_transition_makes_its_event(
    before: dict[str, Any], after: dict[str, Any], expected: list[tuple[str, str]]
) -> None:
    found: list[Note] = list(notes(before, after))

    assert [(note.kind, note.reason) for note in found] == expected


@pytest.mark.parametrize(
    ("providers", "settled"), [("True", True), ("False", False), ("Unknown", False)]
)
def test_an_agent_is_settled_when_every_provider_answers(providers: str, *, settled: bool) -> None:
    told = {"type": "ProvidersReady", "status": providers}

    assert is_settled({"conditions": [*READY["conditions"], told]}) is settled
    assert not is_settled({"conditions": [told]})


def test_readiness_is_that_of_the_condition() -> None:
    assert (is_ready(READY), is_ready(WAITING), is_ready({})) == (True, False, False)
    assert (readiness(WAITING), readiness({})) == ("Unknown", "")
