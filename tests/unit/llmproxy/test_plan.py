from collections import Counter
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from codelab_core.error_codes import Code
from codelab_core.errors import CodelabError
from codelab_llmproxy.plan import (
    ASKED_WAIT,
    MAX_CALLS,
    MAX_PER_TARGET,
    MAX_RESCUES,
    Next,
    Plan,
    Shown,
    Standing,
)

ONE, TWO, THREE = (Standing(name, 100) for name in ("one", "two", "three"))
NONE = ("none", 0, 0)


def error(reason: str | None, wait_ms: int | None = None, **details: Any) -> CodelabError:
    return CodelabError(Code.PROVIDER_ERROR, reason, retry_after_ms=wait_ms, **details)


def begun(*targets: Standing, restarts: bool = True) -> Plan:
    plan = Plan(restarts=restarts)
    plan.begin(targets or (ONE,))
    return plan


TROUBLE = ["overloaded", "server_error", "connect_failed", "reset"]
BROKEN = ["cut", "stalled", "malformed"]
SPOILT = ["tool_call_incomplete", "empty_answer"]
MUTE = ["silent", "slow_first_content", "no_target"]
TABLE = [
    pytest.param(
        TROUBLE,
        [("retry", 0.5, 0), ("restart", 0.5, 0), ("salvage", 0, 0)],
        [("retry", 0.5, 0), ("restart", 0, 1), ("salvage", 0, 0)],
        id="trouble",
    ),
    pytest.param(
        BROKEN,
        [("retry", 0, 0), ("restart", 0, 0), ("salvage", 0, 0)],
        [("failover", 0, 1), ("restart", 0, 1), ("salvage", 0, 0)],
        id="broken",
    ),
    pytest.param(
        SPOILT,
        [("retry", 0, 0), ("restart", 0, 0), ("salvage", 0, 0)],
        [("retry", 0, 0), ("restart", 0, 1), ("salvage", 0, 0)],
        id="spoilt",
    ),
    pytest.param(
        MUTE,
        [NONE, NONE, ("salvage", 0, 0)],
        [("failover", 0, 1), ("restart", 0, 1), ("salvage", 0, 0)],
        id="never-the-same-again",
    ),
    pytest.param(
        ["deadline", "invalid_request", "content_filter", "cancelled", None],
        [NONE, NONE, NONE],
        [NONE, NONE, NONE],
        id="nowhere",
    ),
]


@pytest.mark.parametrize(("reasons", "alone", "with_other"), TABLE)
def test_the_class_of_a_failure_and_what_was_shown_decide(
    reasons: list[str | None],
    alone: list[tuple[str, float, int]],
    with_other: list[tuple[str, float, int]],
) -> None:
    """S-09, P-17: with one target and with two."""
    for reason in reasons:
        for targets, expected in (([ONE], alone), ([ONE, TWO], with_other)):
            steps = [begun(*targets).after(error(reason), shown, targets) for shown in Shown]
            assert steps == expected, reason


@pytest.mark.parametrize("reason", ["key_invalid", "key_exhausted", "key_missing"])
def test_a_refused_key_leads_to_another_key_then_to_another_provider(reason: str) -> None:
    denied = replace(ONE, wait_s=300, is_denied=True)
    sister = replace(ONE, window=200)

    steps = [
        begun().after(error(reason), Shown.NOTHING, targets)
        for targets in ([ONE, TWO], [denied, sister, TWO], [denied, sister])
    ]

    assert steps == [("retry", 0, 0), ("failover", 0, 2), NONE]


@pytest.mark.parametrize(
    ("targets", "wait_ms", "asked", "step"),
    [
        pytest.param([ONE, TWO], 9_000, "asked", ("retry", 0, 0), id="another-key"),
        pytest.param(
            [replace(ONE, wait_s=2), TWO], 2_000, "asked", ("retry", 2, 0), id="short-wait"
        ),
        pytest.param([replace(ONE, wait_s=3), TWO], 3_001, "asked", ("failover", 0, 1), id="other"),
        pytest.param([replace(ONE, wait_s=9)], 9_000, "asked", ("retry", 9, 0), id="long-wait"),
        pytest.param(
            [replace(ONE, wait_s=5), TWO], 5_000, "guessed", ("retry", 0.5, 0), id="no-word"
        ),
    ],
)
def test_at_a_limit_the_least_wait_wins(
    targets: list[Standing], wait_ms: int, asked: str, step: tuple[str, float, int]
) -> None:
    limited = error("rate_limited", wait_ms, **{ASKED_WAIT: asked == "asked"})

    assert begun().after(limited, Shown.NOTHING, targets) == step


def test_at_a_limit_the_same_target_is_asked_twice_in_all() -> None:
    targets = [replace(ONE, wait_s=5), TWO]
    limited = error("rate_limited", 5_000, asked_wait=False)
    plan = begun(ONE, TWO)

    steps = [plan.after(limited, Shown.NOTHING, targets) for _ in range(2)]

    assert steps == [("retry", 0.5, 0), ("failover", 0, 1)]


@pytest.mark.parametrize(("wait_ms", "pause_s"), [(60_000, 3.0), (10, 0.01)])
def test_a_provider_in_trouble_may_say_how_long_to_wait(wait_ms: int, pause_s: float) -> None:
    step = begun().after(error("overloaded", wait_ms), Shown.NOTHING, [ONE])

    assert step == ("retry", pause_s, 0)


def test_too_long_a_conversation_goes_to_a_larger_model_and_never_back() -> None:
    spare = Standing("spare", 50, is_spare=True)
    targets = [ONE, TWO, replace(THREE, window=200), spare]
    plan = begun(*targets)

    steps = [plan.after(error("context_length"), Shown.NOTHING, targets) for _ in range(3)]

    assert steps == [("failover", 0, 2), ("failover", 0, 3), NONE]


def test_a_spare_is_for_nothing_else() -> None:
    targets = [ONE, Standing("spare", 900, is_spare=True)]

    assert not begun(*targets).has_other(targets)
    assert begun(*targets).after(error("silent"), Shown.NOTHING, targets) == NONE


@pytest.mark.parametrize("last", [THREE, replace(THREE, is_stand_in=True)])
def test_every_target_is_asked_before_the_calls_are_used_up(last: Standing) -> None:
    targets = [ONE, TWO, last]
    plan = begun(*targets)

    steps = [plan.after(error("reset"), Shown.NOTHING, targets) for _ in range(4)]

    assert [step.rung for step in steps] == ["retry", "failover", "failover", "none"]
    assert [step.target for step in steps[:3]] == [0, 1, 2]


IMITATION = Standing("scripted", 900, is_stand_in=True)


@pytest.mark.parametrize(
    ("failure", "shown", "step"),
    [
        pytest.param(error("reset"), Shown.NOTHING, ("retry", 0.5, 0), id="trouble"),
        pytest.param(error("cut"), Shown.NOTHING, ("retry", 0, 0), id="broken"),
        pytest.param(error("cut"), Shown.TEXT, ("restart", 0, 0), id="broken-text"),
        pytest.param(error("silent"), Shown.NOTHING, ("failover", 0, 1), id="silent"),
        pytest.param(error("rate_limited", 9_000), Shown.NOTHING, ("failover", 0, 1), id="limit"),
        pytest.param(error("key_invalid"), Shown.NOTHING, ("failover", 0, 1), id="key"),
    ],
)
def test_an_imitation_answers_only_where_no_real_model_can(
    failure: CodelabError, shown: Shown, step: tuple[str, float, int]
) -> None:
    """P-10, X-14."""
    held = failure.reason in {"rate_limited", "key_invalid"}
    targets = [replace(ONE, wait_s=9 if held else 0), IMITATION]

    assert begun().after(failure, shown, targets) == step


def test_an_imitation_gives_anew_what_broke_off_twice_and_hurries_nobody() -> None:
    targets = [ONE, IMITATION]
    plan = begun(*targets)

    steps = [plan.after(error("cut"), Shown.TEXT, targets).target for _ in range(2)]

    assert steps == [0, 1]
    assert not begun(*targets).has_other(targets)
    assert begun(*targets).has_other([*targets, TWO])


def test_an_imitation_comes_after_all_real_models() -> None:
    targets = [ONE, IMITATION, TWO]

    assert begun(*targets).after(error("cut"), Shown.TEXT, targets).target == 2


def test_an_open_breaker_is_passed_over() -> None:
    targets = [replace(ONE, wait_s=4), replace(TWO, wait_s=4), THREE]
    plan = Plan()

    first = plan.begin(targets)
    only = plan.after(error("reset"), Shown.NOTHING, targets)
    more = plan.after(error("reset"), Shown.NOTHING, targets)

    assert (first, only, more) == (("first", 0, 2), ("retry", 0.5, 2), NONE)


def test_a_target_whose_breaker_has_opened_is_not_asked_again() -> None:
    opened = [replace(ONE, wait_s=5), TWO]

    assert begun(ONE, TWO).after(error("reset"), Shown.NOTHING, opened) == ("failover", 0, 1)
    assert begun().after(error("reset"), Shown.NOTHING, opened[:1]) == NONE


def test_without_retries_left_the_next_target_is_asked_at_once() -> None:
    spent = [replace(ONE, may_repeat=False), TWO]

    assert begun().after(error("reset"), Shown.NOTHING, spent) == ("failover", 0, 1)
    assert begun().after(error("reset"), Shown.NOTHING, spent[:1]) == NONE
    assert begun().after(error("reset"), Shown.TEXT, spent[:1]) == ("restart", 0.5, 0)


def test_where_all_are_held_back_the_earliest_is_waited_for() -> None:
    held = [replace(ONE, wait_s=4), replace(TWO, wait_s=1.5)]
    denied = [*held, replace(THREE, wait_s=300, is_denied=True)]

    assert Plan().begin(held) == ("none", 1.5, 0)
    assert Plan().begin(denied) == ("first", 0, 2)


def test_a_second_break_goes_to_the_target_that_was_asked_least() -> None:
    targets = [ONE, TWO, THREE]
    plan = begun(*targets)

    steps = [plan.after(error("cut"), Shown.TEXT, targets).target for _ in range(2)]

    assert steps == [1, 2]


def test_each_kind_of_another_call_has_its_limit() -> None:
    plan = begun()

    steps = [plan.after(error("cut"), Shown.NOTHING, [ONE]).rung for _ in range(2)]
    more = [plan.after(error("cut"), Shown.TEXT, [ONE]).rung for _ in range(3)]

    assert (steps, more) == (["retry", "none"], ["restart", "restart", "none"])


def test_a_route_may_forbid_that_text_is_taken_back() -> None:
    plan = begun(restarts=False)

    steps = [plan.after(error("cut"), shown, [ONE]).rung for shown in (Shown.NOTHING, Shown.TEXT)]

    assert steps == ["retry", "none"]


def test_what_the_model_spoilt_is_made_anew_once() -> None:
    plan = begun(ONE, TWO)

    steps = [
        plan.after(error("empty_answer"), Shown.TEXT, [ONE, TWO]).rung,
        plan.after(error("tool_call_incomplete"), Shown.TEXT, [ONE, TWO]).rung,
    ]

    assert steps == ["restart", "none"]


def test_a_call_that_met_the_limit_of_the_answer_would_meet_it_again() -> None:
    spoilt = error("tool_call_incomplete", finish_reason="length")

    assert {begun().after(spoilt, shown, [ONE, TWO]).rung for shown in Shown} == {"none"}


@pytest.mark.parametrize(("before", "told"), [("cut", "cut"), ("no_target", "overloaded")])
def test_the_first_failure_of_a_provider_is_kept(before: str, told: str) -> None:
    plan = begun(ONE, TWO)

    plan.after(error(before), Shown.TEXT, [ONE, TWO])
    plan.after(error("overloaded"), Shown.TEXT, [ONE, TWO])
    plan.after(error("invalid_request"), Shown.TEXT, [ONE, TWO])

    assert plan.first is not None
    assert plan.first.reason == told


OTHERS = ["rate_limited", "key_invalid", "context_length", "deadline"]
REASONS = [*TROUBLE, *BROKEN, *SPOILT, *MUTE, *OTHERS]
STANDINGS = st.builds(
    Standing,
    provider=st.sampled_from(["one", "two", "three"]),
    window=st.sampled_from([100, 200]),
    wait_s=st.sampled_from([0.0, 0.0, 2.0]),
    may_repeat=st.booleans(),
    is_denied=st.booleans(),
    is_spare=st.booleans(),
    is_stand_in=st.booleans(),
)
FAILURES = st.tuples(st.sampled_from(REASONS), st.sampled_from([*Shown]))


@settings(max_examples=200)
@given(
    field=st.lists(STANDINGS, min_size=1, max_size=5).filter(lambda f: not f[0].is_spare),
    failures=st.lists(FAILURES, min_size=12, max_size=12),
)
def test_no_course_of_events_leads_beyond_the_limits(
    field: list[Standing], failures: list[tuple[str | None, Shown]]
) -> None:
    """P-17: and after a whole call nothing is asked any more, after any text it is taken back."""
    plan = Plan()
    step = plan.begin(field)
    unseen: Counter[int] = Counter()
    rescues = 0
    for reason, shown in failures:
        if step.rung in {"none", "salvage"}:
            break
        unseen[step.target] += step.rung != "restart"
        rescues += step.rung == "restart"
        step = plan.after(error(reason, 1_000), shown, field)
        _check_step(step, shown)

    assert step.rung in {"none", "salvage"}
    assert unseen.total() <= MAX_CALLS
    assert max(unseen.values(), default=0) <= MAX_PER_TARGET
    assert rescues <= MAX_RESCUES


def _check_step(step: Next, shown: Shown) -> None:
    """What may follow, by what was shown."""
    allowed = {
        Shown.NOTHING: {"retry", "failover", "none"},
        Shown.TEXT: {"restart", "none"},
        Shown.CALLS: {"salvage", "none"},
    }
    assert step.rung in allowed[shown]
