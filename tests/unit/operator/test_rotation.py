from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codelab_operator.api_group import ROTATION_ANNOTATION
from codelab_operator.rotation import (
    PAUSE_S,
    Rotation,
    RotationStep,
    first_rotation,
    is_rotation_due,
    read_rotation,
    rotate,
)
from fakes.children import agent

NOW = 1_700_000_000


def test_a_new_secret_was_made_for_the_present_text() -> None:
    one = agent(internalAuth={"rotation": "2026-01"})

    annotations = first_rotation(one, NOW)

    assert annotations == {
        "codelab.dev/rotation": f'{{"phase":"Stable","rotation":"2026-01","since":{NOW}}}'
    }
    assert read_rotation(annotations) == Rotation("2026-01", "Stable", NOW)


@pytest.mark.parametrize(
    "text",
    [
        None,
        "",
        "{",
        "[]",
        '"x"',
        "{}",
        '{"rotation": 1, "phase": "Stable", "since": 1}',
        '{"rotation": "a", "phase": "Lost", "since": 1}',
        '{"rotation": "a", "phase": "Adding", "since": "1"}',
        '{"rotation": "a", "phase": "Adding"}',
    ],
)
def test_a_damaged_annotation_counts_as_none(text: str | None) -> None:
    annotations = {} if text is None else {ROTATION_ANNOTATION: text}

    assert read_rotation(annotations) == Rotation()


@pytest.mark.parametrize(
    ("auth", "status", "expected"),
    [
        pytest.param({}, {}, False, id="never-wanted"),
        pytest.param({"rotation": "a"}, {}, True, id="first-wanted"),
        pytest.param({"rotation": "a"}, {"rotation": "a", "phase": "Stable"}, False, id="done"),
        pytest.param({"rotation": "b"}, {"rotation": "a", "phase": "Stable"}, True, id="again"),
        pytest.param({"rotation": "a"}, {"rotation": "a", "phase": "Adding"}, True, id="adding"),
        pytest.param(
            {"rotation": "a"}, {"rotation": "a", "phase": "Promoted"}, True, id="promoted"
        ),
        pytest.param({"rotation": "a", "secretName": "mine"}, {}, False, id="not-our-secret"),
    ],
)
def test_the_secret_is_read_only_while_there_is_something_to_do(
    auth: Any, status: Any, *, expected: bool
) -> None:
    one = agent(internalAuth=auth)

    assert is_rotation_due(one, {"internalAuth": status} if status else {}) is expected


ADDING = Rotation("b", "Adding", NOW)
PROMOTED = Rotation("b", "Promoted", NOW)
DUE = NOW + PAUSE_S


@pytest.mark.parametrize(
    ("present", "tokens", "now", "step"),
    [
        pytest.param(Rotation("b"), ["old"], NOW, RotationStep(Rotation("b")), id="nothing-to-do"),
        pytest.param(
            Rotation("a"), ["old"], NOW, RotationStep(ADDING, ("old", "new"), PAUSE_S), id="begin"
        ),
        pytest.param(
            Rotation("a"),
            ["old", "older"],
            NOW,
            RotationStep(ADDING, ("old", "new"), PAUSE_S),
            id="begin-with-a-stray-line",
        ),
        pytest.param(
            Rotation("a"), [], NOW, RotationStep(ADDING, ("new",), PAUSE_S), id="begin-with-none"
        ),
        pytest.param(
            ADDING, ["old", "x"], DUE - 1, RotationStep(ADDING, wait_s=1), id="kubelets-at-work"
        ),
        pytest.param(
            ADDING,
            ["old", "x"],
            DUE,
            RotationStep(Rotation("b", "Promoted", DUE), ("x", "old"), PAUSE_S),
            id="promote",
        ),
        pytest.param(
            ADDING,
            ["old"],
            DUE,
            RotationStep(Rotation("b", "Adding", DUE), ("old", "new"), PAUSE_S),
            id="a-lost-line-is-added-anew",
        ),
        pytest.param(
            ADDING,
            [],
            DUE,
            RotationStep(Rotation("b", "Adding", DUE), ("new", "new"), PAUSE_S),
            id="all-lines-lost",
        ),
        pytest.param(
            ADDING,
            ["old", "x"],
            NOW - 9,
            RotationStep(Rotation("b", "Adding", NOW - 9), ("old", "x"), PAUSE_S),
            id="clock-stepped-back",
        ),
        pytest.param(
            PROMOTED, ["x", "old"], NOW, RotationStep(PROMOTED, wait_s=PAUSE_S), id="wait-again"
        ),
        pytest.param(
            PROMOTED,
            ["x", "old"],
            DUE,
            RotationStep(Rotation("b", "Stable", DUE), ("x",)),
            id="drop-the-old-one",
        ),
        pytest.param(
            PROMOTED, ["x"], DUE, RotationStep(Rotation("b", "Stable", DUE), ("x",)), id="dropped"
        ),
        pytest.param(
            Rotation("a", "Promoted", NOW),
            ["x", "old"],
            DUE,
            RotationStep(Rotation("a", "Stable", DUE), ("x",), 0),
            id="another-one-follows-at-once",
        ),
    ],
)
def test_a_rotation_goes_step_by_step(
    present: Rotation, tokens: list[str], now: int, step: RotationStep
) -> None:
    assert rotate(present, tokens, "b", "new", now) == step


@settings(max_examples=200)
@given(st.lists(st.integers(min_value=0, max_value=200), min_size=20, max_size=60))
def test_a_token_is_sent_only_after_everybody_accepts_it(waits: list[int]) -> None:
    """Whoever reads the file at most `PAUSE_S` late: the line that is sent is known to all."""
    now, state = NOW, Rotation("a")
    tokens: tuple[str, ...] = ("t0",)
    accepted_since = {"t0": 0}
    for number, wait in enumerate(waits, 1):
        now += wait
        step = rotate(state, tokens, "b", f"t{number}", now)
        if step.tokens is not None:
            assert step.tokens[0] == tokens[0] or now - accepted_since[step.tokens[0]] >= PAUSE_S
            for token in step.tokens:
                accepted_since.setdefault(token, now)
            tokens = step.tokens
        state = step.state

    assert len(tokens) <= 2
    assert rotate(Rotation("b"), tokens, "b", "x", now) == RotationStep(Rotation("b"))
